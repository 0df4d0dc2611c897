// Everything that flashes and fades: sparks, debris, rings. Purely for the eye; nothing here is known to the server.

import { CYAN, HEAL, PAINTS, STONE_RAMPS } from './palette.js';
import { stampGlow } from './sprites.js';

const SPARKS_MAX = 900;
const PUFFS_MAX = 400;
const RINGS_MAX = 40;
const SHARDS_MAX = 160;
const FIRE = ['#ffe9c2', '#ffb25a', '#ff7a2f', '#ff4d2e'];
const GIFT_COLOURS = [HEAL, '#ff9f43', CYAN];

export class Effects {
  /** @param {(strength: number) => void} shake  @param {(name: string, x: number, y: number) => void} sound */
  constructor(shake, sound) {
    this.shake = shake;
    this.sound = sound;
    this.sparks = [];
    this.puffs = [];
    this.rings = [];
    this.shards = [];
    this.flashes = [];
  }

  clear() {
    for (const list of this.lists()) list.length = 0;
  }

  shipBlew(ship) {
    const { x, y } = ship;
    const paint = PAINTS[ship.hue];
    this.flash(x, y, 15, '#ffcf8a', 0.45);
    this.flash(x, y, 8, paint.glow, 0.9);
    this.fireball(x, y, 16, 7);
    this.ring(x, y, 13, paint.text, 0.7);
    this.ring(x, y, 8, '#ffb25a', 0.45);
    this.burst(x, y, 50, 34, 1.1, FIRE);
    this.burst(x, y, 28, 52, 0.7, [paint.text, '#fff']);
    this.chips(x, y, 12, 17, 0.8, paint.trim);
    this.shake(ship.own ? 1.6 : 0.7, x, y);
    this.sound('boom', x, y);
  }

  shipCame({ x, y, hue }) {
    this.ring(x, y, 7, CYAN, 0.6);
    this.flash(x, y, 6, PAINTS[hue].glow, 0.5);
    this.burst(x, y, 16, 12, 0.6, [CYAN, '#fff']);
    this.sound('warp', x, y);
  }

  shipHit(ship, damage) {
    this.burst(ship.x, ship.y, 8, 20, 0.4, ['#fff', '#ffd27a', PAINTS[ship.hue].text]);
    if (ship.own) this.shake(0.25 + damage / 40, ship.x, ship.y);
    this.sound(ship.own ? 'hurt' : 'hit', ship.x, ship.y);
  }

  rockBroke({ x, y, radius, seed }) {
    const count = Math.round(7 + radius * 2.4);
    this.flash(x, y, radius * 2, '#ffb25a', 0.26);
    this.fireball(x, y, Math.round(radius), radius * 0.8);
    this.ring(x, y, radius * 1.9, '#b8c6e6', 0.4);
    this.burst(x, y, count, 10 + radius * 2, 0.8, ['#c9d4ec', '#8895b5', '#ffb25a']);
    this.chips(x, y, count, 7 + radius, 0.2 + radius * 0.1, STONE_RAMPS[seed % STONE_RAMPS.length]);
    this.shake(radius * 0.07, x, y);
    this.sound('crack', x, y);
  }

  shotHit({ x, y, angle, hue }) {
    this.flash(x, y, 2.6, PAINTS[hue].glow, 0.18);
    for (let i = 0; i < 9; i++) {
      const back = angle + Math.PI + (Math.random() - 0.5) * 2.4;
      this.spark(x, y, back, 6 + Math.random() * 20, 0.15 + Math.random() * 0.3, 0.5, i % 3 ? PAINTS[hue].text : '#fff');
    }
    this.sound('tick', x, y);
  }

  shotFired({ x, y, hue }) {
    this.flash(x, y, 1.9, PAINTS[hue].glow, 0.1);
    this.sound('shot', x, y);
  }

  taken({ x, y, gift }) {
    const colour = GIFT_COLOURS[gift] ?? HEAL;
    this.ring(x, y, 5, colour, 0.5);
    this.burst(x, y, 18, 13, 0.6, [colour, '#fff']);
    this.sound('gift', x, y);
  }

  /** Glowing dust behind an engine; called once a frame. */
  exhaust(ship, dt) {
    if (ship.burn < 0.4 || Math.random() > dt * 70) return;
    const away = ship.angle + Math.PI + (Math.random() - 0.5) * 0.5;
    const x = ship.x - Math.cos(ship.angle) * 2.4;
    const y = ship.y - Math.sin(ship.angle) * 2.4;
    this.puff(x, y, away, 4 + Math.random() * 8, 0.3 + Math.random() * 0.4, 1.1, FIRE[1 + Math.floor(Math.random() * 3)]);
  }

  update(dt) {
    const drag = Math.exp(-2.2 * dt);
    for (const list of [this.sparks, this.puffs, this.shards]) {
      for (const p of list) {
        p.life -= dt;
        p.x += p.vx * dt;
        p.y += p.vy * dt;
        p.vx *= drag;
        p.vy *= drag;
      }
    }
    for (const p of this.rings) p.life -= dt;
    for (const p of this.flashes) p.life -= dt;
    for (const list of this.lists()) sweep(list);
  }

  /** Solid pieces; drawn under the ships. */
  drawShards(ctx) {
    for (const p of this.shards) {
      const turn = p.spin * p.life;
      ctx.globalAlpha = Math.min(1, p.life * 2.5);
      ctx.fillStyle = p.colour;
      ctx.beginPath();
      for (let i = 0; i < 3; i++) {
        const angle = turn + i * p.lean;
        ctx.lineTo(p.x + Math.cos(angle) * p.size, p.y + Math.sin(angle) * p.size);
      }
      ctx.fill();
    }
    ctx.globalAlpha = 1;
  }

  /** Light; needs `lighter`. */
  drawLight(ctx) {
    for (const p of this.flashes) {
      const t = p.life / p.span;
      stampGlow(ctx, p.colour, p.x, p.y, p.r * (1.25 - 0.4 * t), t * t, true);
    }
    for (const p of this.puffs) {
      const t = p.life / p.span;
      stampGlow(ctx, p.colour, p.x, p.y, p.size * (1.5 - 0.7 * t), 0.75 * t);
    }
    this.drawSparks(ctx);
    for (const p of this.rings) {
      const t = 1 - p.life / p.span;
      ctx.globalAlpha = (1 - t) ** 1.5 * 0.85;
      ctx.strokeStyle = p.colour;
      ctx.lineWidth = 0.55 * (1 - t) + 0.05;
      ctx.beginPath();
      ctx.arc(p.x, p.y, p.r * (1 - (1 - t) ** 3), 0, Math.PI * 2);
      ctx.stroke();
    }
    ctx.globalAlpha = 1;
  }

  // Short lines along their way, shorter as they slow down.
  drawSparks(ctx) {
    ctx.lineCap = 'round';
    for (const p of this.sparks) {
      const t = p.life / p.span;
      const reach = 0.03 + 0.045 * t;
      ctx.globalAlpha = Math.min(1, t * 1.8);
      ctx.strokeStyle = p.colour;
      ctx.lineWidth = p.size * (0.12 + 0.2 * t);
      ctx.beginPath();
      ctx.moveTo(p.x, p.y);
      ctx.lineTo(p.x - p.vx * reach, p.y - p.vy * reach);
      ctx.stroke();
    }
    ctx.lineCap = 'butt';
  }

  lists() {
    return [this.sparks, this.puffs, this.rings, this.shards, this.flashes];
  }

  fireball(x, y, count, spread) {
    for (let i = 0; i < count; i++) {
      const angle = Math.random() * Math.PI * 2;
      const speed = spread * (0.2 + 1.4 * Math.random());
      this.puff(x, y, angle, speed, 0.35 + Math.random() * 0.75, 1.6 + Math.random() * 2, FIRE[1 + (i % 3)]);
    }
  }

  burst(x, y, count, speed, span, colours) {
    for (let i = 0; i < count; i++) {
      const fast = speed * (0.15 + 0.85 * Math.random());
      const colour = colours[i % colours.length];
      this.spark(x, y, Math.random() * Math.PI * 2, fast, span * (0.35 + 0.65 * Math.random()), 0.45 + Math.random() * 0.55, colour);
    }
  }

  spark(x, y, angle, speed, span, size, colour) {
    if (this.sparks.length >= SPARKS_MAX) return;
    this.sparks.push({ x, y, vx: Math.cos(angle) * speed, vy: Math.sin(angle) * speed, life: span, span, size, colour });
  }

  puff(x, y, angle, speed, span, size, colour) {
    if (this.puffs.length >= PUFFS_MAX) return;
    this.puffs.push({ x, y, vx: Math.cos(angle) * speed, vy: Math.sin(angle) * speed, life: span, span, size, colour });
  }

  chips(x, y, count, speed, size, ramp) {
    for (let i = 0; i < count && this.shards.length < SHARDS_MAX; i++) {
      const angle = Math.random() * Math.PI * 2;
      const fast = speed * (0.2 + 0.8 * Math.random());
      this.shards.push({
        x, y, vx: Math.cos(angle) * fast, vy: Math.sin(angle) * fast, life: 0.6 + Math.random() * 0.9,
        size: size * (0.5 + Math.random()), spin: (Math.random() - 0.5) * 14, lean: 1.7 + Math.random() * 0.8,
        colour: ramp[4 + Math.floor(Math.random() * 8)],
      });
    }
  }

  ring(x, y, r, colour, span) {
    if (this.rings.length < RINGS_MAX) this.rings.push({ x, y, r, colour, life: span, span });
  }

  flash(x, y, r, colour, span) {
    if (this.flashes.length < RINGS_MAX) this.flashes.push({ x, y, r, colour, life: span, span });
  }
}

// Order does not matter: the last one takes a dead one's place.
function sweep(list) {
  for (let i = list.length - 1; i >= 0; i--) {
    if (list[i].life > 0) continue;
    list[i] = list[list.length - 1];
    list.pop();
  }
}

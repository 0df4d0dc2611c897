// One frame, from the sky to the name tags.

import { DANGER, HEAL, INK, OWN, PAINTS } from './palette.js';
import { Sky } from './sky.js';
import { drawRock } from './rocks.js';
import { drawPickup, drawShip, drawShot, drawSight } from './ships.js';

const CULL_UNITS = 9;
const MAX_HP = 100;
const RIM_GLOW_UNITS = 5;

export class Renderer {
  constructor(canvas, camera, worldRadius) {
    this.ctx = canvas.getContext('2d', { alpha: false });
    this.camera = camera;
    this.worldRadius = worldRadius;
    this.sky = new Sky();
  }

  draw(world, effects, time) {
    const { ctx, camera } = this;
    const bounds = camera.bounds(CULL_UNITS);
    const inside = ({ x, y }) => x > bounds.left && x < bounds.right && y > bounds.top && y < bounds.bottom;
    this.sky.draw(ctx, camera.view);
    camera.enter(ctx);
    this.sky.drawGrid(ctx, bounds, this.worldRadius);
    this.drawRim(bounds, time);
    for (const rock of world.rocks.values()) if (!rock.gone && inside(rock)) this.drawFading(rock, drawRock);
    for (const pickup of world.pickups.values()) if (!pickup.gone && inside(pickup)) drawPickup(ctx, pickup, time);
    effects.drawShards(ctx);
    ctx.globalCompositeOperation = 'lighter';
    for (const shot of world.shots.values()) if (!shot.gone && inside(shot)) drawShot(ctx, shot);
    for (const shot of world.foreseen?.shots ?? []) drawShot(ctx, shot);
    ctx.globalCompositeOperation = 'source-over';
    this.drawShips(world, inside, time);
    ctx.globalCompositeOperation = 'lighter';
    effects.drawLight(ctx);
    ctx.globalCompositeOperation = 'source-over';
    this.drawTags(world, inside);
  }

  // What comes into view, comes softly.
  drawFading(entity, draw) {
    this.ctx.globalAlpha = Math.min(1, 0.15 + entity.age * 4);
    draw(this.ctx, entity);
    this.ctx.globalAlpha = 1;
  }

  drawShips(world, inside, time) {
    const own = world.ownShip();
    for (const ship of world.ships.values()) {
      if (!ship.dead && !ship.own && inside(ship)) drawShip(this.ctx, ship, time);
    }
    if (own && !own.dead) {
      drawSight(this.ctx, own);
      drawShip(this.ctx, own, time);
    }
  }

  // The border: a glowing rim, and the void beyond it.
  drawRim(bounds, time) {
    const { ctx, worldRadius: r } = this;
    const far = Math.max(Math.hypot(bounds.left, bounds.top), Math.hypot(bounds.right, bounds.top),
      Math.hypot(bounds.left, bounds.bottom), Math.hypot(bounds.right, bounds.bottom));
    if (far < r) return;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bounds.left, bounds.top, bounds.right - bounds.left, bounds.bottom - bounds.top);
    ctx.arc(0, 0, r, 0, Math.PI * 2, true);
    ctx.fillStyle = 'rgb(58 8 26 / 0.5)';
    ctx.fill('evenodd');
    ctx.globalAlpha = 0.85 + 0.15 * Math.sin(time * 3);
    ctx.strokeStyle = this.rimGlow ??= rimGlow(ctx, r);
    ctx.lineWidth = 2 * RIM_GLOW_UNITS;
    circle(ctx, r);
    ctx.strokeStyle = '#ff9db0';
    ctx.lineWidth = 0.22;
    circle(ctx, r);
    ctx.globalAlpha = 0.4;
    ctx.strokeStyle = DANGER;
    ctx.lineWidth = 0.35;
    ctx.setLineDash([2.5, 4]);
    ctx.lineDashOffset = -time * 3;
    circle(ctx, r + 3.5);
    ctx.restore();
  }

  // Text is drawn in pixels, so that it stays crisp.
  drawTags(world, inside) {
    const { ctx, camera } = this;
    const { dpr } = camera.view;
    ctx.setTransform(dpr, 0, 0, dpr, 0, 0);
    ctx.textAlign = 'center';
    ctx.textBaseline = 'alphabetic';
    ctx.font = '600 12px "Avenir Next", "Segoe UI", Inter, system-ui, sans-serif';
    ctx.lineJoin = 'round';
    for (const ship of world.ships.values()) {
      if (ship.dead || !inside(ship)) continue;
      const { x, y } = camera.toScreen(ship.x, ship.y);
      const lift = (camera.view.zoom / dpr) * 2.6;
      if (ship.name) this.drawName(ship, x, y - lift - 4);
      if (ship.hp < MAX_HP) this.drawHull(ship, x, y + lift + 4);
    }
  }

  drawName(ship, x, y) {
    const { ctx } = this;
    ctx.globalAlpha = ship.drone ? 0.7 : 1;
    ctx.lineWidth = 3;
    ctx.strokeStyle = 'rgb(6 10 20 / 0.8)';
    ctx.strokeText(ship.name, x, y);
    ctx.fillStyle = ship.own ? OWN : PAINTS[ship.hue].text;
    ctx.fillText(ship.name, x, y);
    ctx.globalAlpha = 1;
  }

  drawHull({ hp }, x, y) {
    const { ctx } = this;
    const width = 38;
    const left = Math.max(0, Math.min(1, hp / MAX_HP));
    ctx.globalAlpha = 0.9;
    ctx.fillStyle = INK;
    ctx.fillRect(x - width / 2 - 1, y - 1, width + 2, 5);
    ctx.fillStyle = left > 0.5 ? HEAL : left > 0.25 ? OWN : DANGER;
    ctx.fillRect(x - width / 2, y, width * left, 3);
    ctx.globalAlpha = 1;
  }
}

function rimGlow(ctx, r) {
  const glow = ctx.createRadialGradient(0, 0, r - RIM_GLOW_UNITS, 0, 0, r + RIM_GLOW_UNITS);
  for (let i = 0; i <= 10; i++) glow.addColorStop(i / 10, `rgb(255 84 112 / ${0.75 * (1 - Math.abs(i / 5 - 1)) ** 2.5})`);
  return glow;
}

function circle(ctx, r) {
  ctx.beginPath();
  ctx.arc(0, 0, r, 0, Math.PI * 2);
  ctx.stroke();
}

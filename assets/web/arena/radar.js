// The small map: the neighbourhood of the own ship, and the leaders wherever they are.

import { DANGER, OWN, PAINTS } from './palette.js';

const RANGE_UNITS = 120;
const GIFT_COLOURS = ['#5df2a0', '#ff9f43', '#5cdcff'];

export class Radar {
  constructor(canvas, worldRadius) {
    this.canvas = canvas;
    this.ctx = canvas.getContext('2d');
    this.worldRadius = worldRadius;
  }

  draw(world, camera) {
    const { ctx, canvas } = this;
    const { dpr } = camera.view;
    const size = Math.round(canvas.clientWidth * dpr);
    if (canvas.width !== size) canvas.width = canvas.height = size;
    const r = size / 2;
    const scale = (r - 3 * dpr) / RANGE_UNITS;
    ctx.setTransform(1, 0, 0, 1, 0, 0);
    ctx.clearRect(0, 0, size, size);
    ctx.translate(r, r);
    this.drawDish(r, dpr, scale, camera);
    const place = entity => ({ x: (entity.x - camera.x) * scale, y: (entity.y - camera.y) * scale });
    for (const rock of world.rocks.values()) this.dot(place(rock), Math.max(dpr, rock.radius * scale), '#6d7fa8');
    for (const pickup of world.pickups.values()) this.dot(place(pickup), 1.8 * dpr, GIFT_COLOURS[pickup.gift]);
    this.drawLeaders(world, place, r, dpr);
    for (const ship of world.ships.values()) {
      if (!ship.dead && !ship.own) this.dot(place(ship), 2.2 * dpr, PAINTS[ship.hue].text);
    }
    const own = world.ownShip();
    if (own && !own.dead) this.drawOwn(place(own), own.angle, dpr);
  }

  drawDish(r, dpr, scale, camera) {
    const { ctx } = this;
    ctx.beginPath();
    ctx.arc(0, 0, r - dpr, 0, Math.PI * 2);
    ctx.fillStyle = 'rgb(8 14 28 / 0.62)';
    ctx.fill();
    ctx.strokeStyle = 'rgb(120 160 255 / 0.28)';
    ctx.lineWidth = dpr;
    ctx.stroke();
    ctx.globalAlpha = 0.5;
    ctx.beginPath();
    ctx.arc(0, 0, r / 2, 0, Math.PI * 2);
    ctx.stroke();
    ctx.save();
    ctx.beginPath();
    ctx.arc(0, 0, r - 2 * dpr, 0, Math.PI * 2);
    ctx.clip();
    ctx.globalAlpha = 0.9;
    ctx.strokeStyle = DANGER;
    ctx.lineWidth = 1.5 * dpr;
    ctx.beginPath();
    ctx.arc(-camera.x * scale, -camera.y * scale, this.worldRadius * scale, 0, Math.PI * 2);
    ctx.stroke();
    ctx.restore();
    ctx.globalAlpha = 1;
  }

  // Those who are out of range stick to the rim.
  drawLeaders(world, place, r, dpr) {
    for (const leader of world.leaders.values()) {
      if (leader.seat === world.own.seat) continue;
      const at = place(leader);
      const far = Math.hypot(at.x, at.y);
      const rim = r - 5 * dpr;
      if (far <= rim) continue;
      this.dot({ x: (at.x / far) * rim, y: (at.y / far) * rim }, (leader.rank === 1 ? 3.4 : 2.2) * dpr, PAINTS[leader.hue].text);
    }
  }

  drawOwn({ x, y }, angle, dpr) {
    const { ctx } = this;
    ctx.save();
    ctx.translate(x, y);
    ctx.rotate(angle);
    ctx.scale(dpr, dpr);
    ctx.fillStyle = OWN;
    ctx.beginPath();
    ctx.moveTo(6, 0);
    ctx.lineTo(-4, 4);
    ctx.lineTo(-2, 0);
    ctx.lineTo(-4, -4);
    ctx.fill();
    ctx.restore();
  }

  dot({ x, y }, r, colour) {
    const { ctx, canvas } = this;
    if (Math.hypot(x, y) + r > canvas.width / 2) return;
    ctx.fillStyle = colour;
    ctx.beginPath();
    ctx.arc(x, y, r, 0, Math.PI * 2);
    ctx.fill();
  }
}

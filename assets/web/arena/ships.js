// Ships, their shots, and what floats about to be taken.

import { CYAN, HEAL, LIGHT, OWN, PAINTS, shade } from './palette.js';
import { stampGlow, streak } from './sprites.js';

// Nose along +x; a ship is 3 units across.
const PLAYER = {
  left: path([[2.15, 0], [0.5, -0.52], [-0.35, -1.3], [-1.45, -1.62], [-0.95, -0.5], [-0.8, 0]]),
  right: path([[2.15, 0], [0.5, 0.52], [-0.35, 1.3], [-1.45, 1.62], [-0.95, 0.5], [-0.8, 0]]),
  finLeft: path([[0.1, -0.78], [-0.35, -1.3], [-1.45, -1.62], [-1.1, -0.85]]),
  finRight: path([[0.1, 0.78], [-0.35, 1.3], [-1.45, 1.62], [-1.1, 0.85]]),
  canopy: path([[1.2, 0], [0.35, -0.27], [-0.35, 0], [0.35, 0.27]]),
};
const DRONE = {
  left: path([[1.3, 0], [0.5, -0.5], [0.2, -1.25], [-0.9, -0.95], [-0.55, 0]]),
  right: path([[1.3, 0], [0.5, 0.5], [0.2, 1.25], [-0.9, 0.95], [-0.55, 0]]),
  finLeft: path([[0.2, -1.25], [1.15, -1.05], [0.35, -0.75]]),
  finRight: path([[0.2, 1.25], [1.15, 1.05], [0.35, 0.75]]),
  canopy: path([[0.45, 0], [0, -0.32], [-0.38, 0], [0, 0.32]]),
};
const RAPID = '#ff9f43';
const GIFTS = [{ colour: HEAL, sign: 'cross' }, { colour: RAPID, sign: 'chevrons' }, { colour: CYAN, sign: 'fan' }];

export function drawShip(ctx, ship, time) {
  const paint = PAINTS[ship.hue];
  const cos = Math.cos(ship.angle);
  const sin = Math.sin(ship.angle);
  drawLights(ctx, ship, paint, cos, sin, time);
  const form = ship.drone ? DRONE : PLAYER;
  // each half of the hull leans to its side of the keel
  const left = (sin * LIGHT.x - cos * LIGHT.y) * 0.6 + LIGHT.z * 0.8;
  const right = (-sin * LIGHT.x + cos * LIGHT.y) * 0.6 + LIGHT.z * 0.8;
  ctx.save();
  ctx.transform(cos, sin, -sin, cos, ship.x, ship.y);
  if (ship.safe) ctx.globalAlpha = 0.55 + 0.3 * Math.sin(time * 14);
  fill(ctx, form.left, shade(paint.hull, left));
  fill(ctx, form.right, shade(paint.hull, right));
  fill(ctx, form.finLeft, shade(paint.trim, left));
  fill(ctx, form.finRight, shade(paint.trim, right));
  fill(ctx, form.canopy, ship.drone ? '#ff5d5d' : '#0b1426');
  ctx.strokeStyle = paint.text;
  ctx.lineWidth = 0.09;
  ctx.stroke(form.left);
  ctx.stroke(form.right);
  if (ship.hurt > 0) {
    ctx.globalAlpha = ship.hurt;
    fill(ctx, form.left, '#fff');
    fill(ctx, form.right, '#fff');
  }
  ctx.restore();
  if (ship.safe) drawBubble(ctx, ship, time);
}

function drawLights(ctx, ship, paint, cos, sin, time) {
  ctx.globalCompositeOperation = 'lighter';
  stampGlow(ctx, paint.glow, ship.x, ship.y, 4.2, ship.own ? 0.34 : 0.22);
  const burn = ship.burn;
  if (burn > 0.02) {
    const flicker = 0.85 + 0.15 * Math.sin(time * 67 + ship.id) + 0.1 * Math.sin(time * 131 + ship.id * 3);
    const length = burn * flicker;
    ctx.save();
    ctx.transform(-cos, -sin, sin, -cos, ship.x - cos * 0.8, ship.y - sin * 0.8);
    ctx.globalAlpha = 0.9 * burn;
    flame(ctx, '#ff7a2f', 3.4 * length, 1.15);
    flame(ctx, '#ffd9a0', 2.1 * length, 0.62);
    ctx.restore();
    stampGlow(ctx, '#ff8a3c', ship.x - cos * 1.5, ship.y - sin * 1.5, 2.3 * length, 0.6);
  }
  if (ship.gun) stampGlow(ctx, ship.gun === 1 ? RAPID : CYAN, ship.x + cos * 1.5, ship.y + sin * 1.5, 1.3, 0.8, true);
  ctx.globalCompositeOperation = 'source-over';
  ctx.globalAlpha = 1;
}

// A teardrop along +x.
function flame(ctx, colour, length, width) {
  ctx.fillStyle = colour;
  ctx.beginPath();
  ctx.moveTo(-0.1, -width / 2);
  ctx.quadraticCurveTo(length * 0.4, -width * 0.5, length, 0);
  ctx.quadraticCurveTo(length * 0.4, width * 0.5, -0.1, width / 2);
  ctx.fill();
}

function drawBubble(ctx, ship, time) {
  ctx.save();
  ctx.translate(ship.x, ship.y);
  ctx.rotate(time * 0.9);
  ctx.globalAlpha = 0.75;
  ctx.strokeStyle = CYAN;
  ctx.lineWidth = 0.12;
  ctx.setLineDash([1.3, 0.62]);
  ctx.beginPath();
  ctx.arc(0, 0, 2.5, 0, Math.PI * 2);
  ctx.stroke();
  ctx.restore();
}

/** A comet whose tail is no longer than the way flown. Needs `lighter`. */
export function drawShot(ctx, shot) {
  const length = Math.min(7, 1.5 + shot.flown);
  const width = 1.9;
  const cos = Math.cos(shot.angle);
  const sin = Math.sin(shot.angle);
  ctx.save();
  ctx.transform(cos, sin, -sin, cos, shot.x, shot.y);
  ctx.drawImage(streak(PAINTS[shot.hue].glow), -length + width / 2, -width / 2, length, width);
  ctx.restore();
}

export function drawPickup(ctx, pickup, time) {
  const { colour, sign } = GIFTS[pickup.gift] ?? GIFTS[0];
  const beat = 1 + 0.07 * Math.sin(time * 4 + pickup.id);
  ctx.globalCompositeOperation = 'lighter';
  stampGlow(ctx, colour, pickup.x, pickup.y, 4.4 * beat, 0.55);
  ctx.globalCompositeOperation = 'source-over';
  ctx.globalAlpha = 1;
  ctx.save();
  ctx.translate(pickup.x, pickup.y + 0.15 * Math.sin(time * 2.3 + pickup.id));
  ctx.scale(beat, beat);
  ctx.save();
  ctx.rotate(time * 0.7 + pickup.id);
  ctx.beginPath();
  for (let i = 0; i < 6; i++) ctx.lineTo(1.45 * Math.cos(i * Math.PI / 3), 1.45 * Math.sin(i * Math.PI / 3));
  ctx.closePath();
  ctx.fillStyle = 'rgb(6 12 24 / 0.85)';
  ctx.fill();
  ctx.strokeStyle = colour;
  ctx.lineWidth = 0.16;
  ctx.stroke();
  ctx.restore();
  ctx.strokeStyle = colour;
  ctx.lineWidth = 0.24;
  ctx.lineCap = 'round';
  ctx.stroke(SIGNS[sign]);
  ctx.restore();
}

/** Dots ahead of the own ship, where its shots will fly. */
export function drawSight(ctx, ship) {
  const cos = Math.cos(ship.angle);
  const sin = Math.sin(ship.angle);
  ctx.fillStyle = OWN;
  for (let i = 0; i < 7; i++) {
    const ahead = 5 + i * 3;
    ctx.globalAlpha = 0.5 * (1 - i / 7);
    ctx.beginPath();
    ctx.arc(ship.x + cos * ahead, ship.y + sin * ahead, 0.16, 0, Math.PI * 2);
    ctx.fill();
  }
  ctx.globalAlpha = 1;
}

const SIGNS = {
  cross: lines([[-0.6, 0, 0.6, 0], [0, -0.6, 0, 0.6]]),
  chevrons: lines([[-0.5, -0.1, 0, -0.6], [0, -0.6, 0.5, -0.1], [-0.5, 0.5, 0, 0], [0, 0, 0.5, 0.5]]),
  fan: lines([[0, 0.6, 0, -0.6], [0, 0.6, -0.6, -0.35], [0, 0.6, 0.6, -0.35]]),
};

function fill(ctx, shape, colour) {
  ctx.fillStyle = colour;
  ctx.fill(shape);
}

function path(points) {
  const shape = new Path2D();
  points.forEach(([x, y], i) => (i ? shape.lineTo(x, y) : shape.moveTo(x, y)));
  shape.closePath();
  return shape;
}

function lines(segments) {
  const shape = new Path2D();
  for (const [x1, y1, x2, y2] of segments) {
    shape.moveTo(x1, y1);
    shape.lineTo(x2, y2);
  }
  return shape;
}

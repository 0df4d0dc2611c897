// What lies behind everything: nebulae, three depths of stars, and a faint grid that shows speed.

import { offscreen } from './sprites.js';

const TILE = 640;
const NEBULA_TILE = 1024;
const NEBULA_DEPTH = 0.06;
// depth: how fast a layer moves against the camera; 1 would be the plane of play
const LAYERS = [
  { depth: 0.1, count: 130, size: [0.4, 0.8], bright: [0.2, 0.5] },
  { depth: 0.24, count: 55, size: [0.7, 1.2], bright: [0.35, 0.75] },
  { depth: 0.45, count: 18, size: [1, 1.7], bright: [0.55, 1] },
];
const TINTS = ['#ffffff', '#cfe0ff', '#a9c6ff', '#ffe2bd', '#ffd0c8'];
const GRID = 16;

export class Sky {
  constructor() {
    const random = seeded(7);
    this.nebula = paintNebula(random);
    this.layers = LAYERS.map(layer => ({ depth: layer.depth, tile: paintStars(layer, random) }));
  }

  /** Fills the whole canvas; `view` is the camera in pixels. */
  draw(ctx, view) {
    const { width, height, camera, zoom, dpr } = view;
    ctx.setTransform(1, 0, 0, 1, 0, 0);
    ctx.globalCompositeOperation = 'source-over';
    ctx.globalAlpha = 1;
    // pixels of the play plane; stars keep their size whatever the zoom
    tileOver(ctx, this.nebula, camera.x * zoom * NEBULA_DEPTH, camera.y * zoom * NEBULA_DEPTH, 1.6 * dpr, width, height);
    for (const { depth, tile } of this.layers) {
      tileOver(ctx, tile, camera.x * zoom * depth, camera.y * zoom * depth, dpr, width, height);
    }
  }

  /** Small crosses in the plane of play, in world units. */
  drawGrid(ctx, bounds, limit) {
    const arm = 0.45;
    ctx.beginPath();
    const clamp = v => Math.max(-limit, Math.min(limit, v));
    for (let x = Math.ceil(clamp(bounds.left) / GRID) * GRID; x <= clamp(bounds.right); x += GRID) {
      for (let y = Math.ceil(clamp(bounds.top) / GRID) * GRID; y <= clamp(bounds.bottom); y += GRID) {
        ctx.moveTo(x - arm, y);
        ctx.lineTo(x + arm, y);
        ctx.moveTo(x, y - arm);
        ctx.lineTo(x, y + arm);
      }
    }
    ctx.globalAlpha = 0.22;
    ctx.strokeStyle = '#6f8fd8';
    ctx.lineWidth = 0.09;
    ctx.stroke();
    ctx.globalAlpha = 1;
  }
}

function tileOver(ctx, tile, dx, dy, scale, width, height) {
  const size = tile.width * scale;
  const startX = -(((dx % size) + size) % size);
  const startY = -(((dy % size) + size) % size);
  for (let x = startX; x < width; x += size) {
    for (let y = startY; y < height; y += size) ctx.drawImage(tile, x, y, size, size);
  }
}

function paintStars({ count, size, bright }, random) {
  const tile = offscreen(TILE, TILE);
  const ctx = tile.getContext('2d');
  for (let i = 0; i < count; i++) {
    const x = 4 + random() * (TILE - 8);
    const y = 4 + random() * (TILE - 8);
    const r = between(size, random());
    ctx.fillStyle = TINTS[Math.floor(random() * TINTS.length)];
    ctx.globalAlpha = between(bright, random());
    disc(ctx, x, y, r);
    if (r > 1.3) {
      ctx.globalAlpha *= 0.16;
      disc(ctx, x, y, r * 3);
    }
  }
  return tile;
}

function paintNebula(random) {
  const tile = offscreen(NEBULA_TILE, NEBULA_TILE);
  const ctx = tile.getContext('2d');
  const base = '#060a14';
  ctx.fillStyle = base;
  ctx.fillRect(0, 0, NEBULA_TILE, NEBULA_TILE);
  ctx.globalCompositeOperation = 'lighter';
  const clouds = ['26 42 110', '64 26 92', '12 66 92', '92 40 48', '20 30 84'];
  for (let i = 0; i < 46; i++) {
    const colour = clouds[Math.floor(random() ** 1.3 * clouds.length)];
    const r = 90 + random() * 260;
    cloud(ctx, random() * NEBULA_TILE, random() * NEBULA_TILE, r, colour, 0.05 + random() * 0.15);
  }
  dither(ctx, random);
  return tile;
}

// Eight bits are too few for so soft a gradient; a little noise hides its steps.
function dither(ctx, random) {
  const image = ctx.getImageData(0, 0, NEBULA_TILE, NEBULA_TILE);
  const { data } = image;
  for (let i = 0; i < data.length; i += 4) {
    const noise = random() * 5 - 2.5;
    data[i] += noise;
    data[i + 1] += noise;
    data[i + 2] += noise;
  }
  ctx.putImageData(image, 0, 0);
}

// Drawn nine times, so that the tile joins with itself.
function cloud(ctx, x, y, r, rgb, alpha) {
  for (let ix = -1; ix <= 1; ix++) {
    for (let iy = -1; iy <= 1; iy++) {
      const cx = x + ix * NEBULA_TILE;
      const cy = y + iy * NEBULA_TILE;
      const falloff = ctx.createRadialGradient(cx, cy, 0, cx, cy, r);
      falloff.addColorStop(0, `rgb(${rgb} / ${alpha})`);
      falloff.addColorStop(0.5, `rgb(${rgb} / ${alpha * 0.45})`);
      falloff.addColorStop(1, `rgb(${rgb} / 0)`);
      ctx.fillStyle = falloff;
      ctx.fillRect(cx - r, cy - r, 2 * r, 2 * r);
    }
  }
}

function disc(ctx, x, y, r) {
  ctx.beginPath();
  ctx.arc(x, y, r, 0, Math.PI * 2);
  ctx.fill();
}

function between([low, high], t) {
  return low + (high - low) * t;
}

/** The same sky for everybody: a small generator (mulberry32). */
export function seeded(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

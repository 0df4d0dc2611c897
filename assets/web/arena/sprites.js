// Soft light, drawn once and stamped often: shadows and gradients are too slow to make for each frame.

const glows = new Map();
const streaks = new Map();
const GLOW_PX = 96;
const STREAK = { w: 128, h: 32 };

/** A round glow in `colour`, white-hot in the middle when `hot`. Stamp it with `lighter`. */
export function glow(colour, hot = false) {
  const key = hot ? `${colour}!` : colour;
  let sprite = glows.get(key);
  if (!sprite) glows.set(key, sprite = paintGlow(colour, hot));
  return sprite;
}

/** Stamps a glow of radius `r` at a point. */
export function stampGlow(ctx, colour, x, y, r, alpha = 1, hot = false) {
  ctx.globalAlpha = alpha;
  ctx.drawImage(glow(colour, hot), x - r, y - r, 2 * r, 2 * r);
}

/** A streak that points along +x: bright head at the right end, tail fading to the left. */
export function streak(colour) {
  let sprite = streaks.get(colour);
  if (!sprite) streaks.set(colour, sprite = paintStreak(colour));
  return sprite;
}

export function offscreen(width, height) {
  const canvas = document.createElement('canvas');
  canvas.width = width;
  canvas.height = height;
  return canvas;
}

function paintGlow(colour, hot) {
  const canvas = offscreen(GLOW_PX, GLOW_PX);
  const ctx = canvas.getContext('2d');
  const r = GLOW_PX / 2;
  const falloff = ctx.createRadialGradient(r, r, 0, r, r, r);
  // eight stops of a curve that ends flat: no visible rim
  for (let i = 0; i <= 8; i++) falloff.addColorStop(i / 8, `rgb(255 255 255 / ${(1 - i / 8) ** 2.4})`);
  ctx.fillStyle = falloff;
  ctx.fillRect(0, 0, GLOW_PX, GLOW_PX);
  ctx.globalCompositeOperation = 'source-in';
  ctx.fillStyle = colour;
  ctx.fillRect(0, 0, GLOW_PX, GLOW_PX);
  if (hot) {
    ctx.globalCompositeOperation = 'source-over';
    const core = ctx.createRadialGradient(r, r, 0, r, r, r * 0.45);
    core.addColorStop(0, 'rgb(255 255 255 / 1)');
    core.addColorStop(0.35, 'rgb(255 255 255 / 0.7)');
    core.addColorStop(1, 'rgb(255 255 255 / 0)');
    ctx.fillStyle = core;
    ctx.fillRect(0, 0, GLOW_PX, GLOW_PX);
  }
  return canvas;
}

function paintStreak(colour) {
  const { w, h } = STREAK;
  const canvas = offscreen(w, h);
  const ctx = canvas.getContext('2d');
  const head = w - h / 2;
  // a comet: circles that grow and brighten towards the head
  for (let x = 2; x <= head; x += 2) {
    const t = x / head;
    const r = (h / 2) * (0.14 + 0.42 * t * t);
    ctx.globalAlpha = 0.2 * t ** 1.4;
    ctx.fillStyle = colour;
    circle(ctx, x, h / 2, r);
    ctx.globalAlpha = 0.3 * t ** 2.6;
    ctx.fillStyle = '#fff';
    circle(ctx, x, h / 2, r * 0.5);
  }
  ctx.globalAlpha = 1;
  ctx.drawImage(paintGlow(colour, true), head - h / 2, 0, h, h);
  return canvas;
}

function circle(ctx, x, y, r) {
  ctx.beginPath();
  ctx.arc(x, y, r, 0, Math.PI * 2);
  ctx.fill();
}

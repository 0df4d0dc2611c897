// Where the page looks: after the own ship, a little ahead of it, and shaken when something blows up.

/** What a page shows of the arena across its long and its short side, at most: the server sends no more. */
const LONG_UNITS = 106.6;
const SHORT_UNITS = 60;
/** A jump longer than this is a new place, not a move. */
const CUT_UNITS = 45;
const SHAKE_REACH_UNITS = 55;
const PIXELS_MAX = 2;

export class Camera {
  constructor(canvas) {
    this.canvas = canvas;
    this.x = 0;
    this.y = 0;
    this.lead = { x: 0, y: 0 };
    this.trauma = 0;
    this.offset = { x: 0, y: 0 };
  }

  /** Fits the canvas to the window. */
  resize() {
    const dpr = Math.min(PIXELS_MAX, devicePixelRatio || 1);
    const width = Math.round(innerWidth * dpr);
    const height = Math.round(innerHeight * dpr);
    if (this.canvas.width !== width || this.canvas.height !== height) {
      this.canvas.width = width;
      this.canvas.height = height;
    }
    const long = Math.max(width, height);
    const short = Math.min(width, height);
    this.view = { width, height, dpr, zoom: Math.max(long / LONG_UNITS, short / SHORT_UNITS), camera: this.offset };
  }

  shake(strength, x, y) {
    const near = 1 - Math.hypot(x - this.x, y - this.y) / SHAKE_REACH_UNITS;
    if (near > 0) this.trauma = Math.min(1.6, this.trauma + strength * near);
  }

  /** Follows `ship` with its speed; without one it drifts. */
  update(ship, own, dt, time) {
    if (ship && !ship.dead) {
      const jumped = Math.hypot(ship.x - this.x, ship.y - this.y) > CUT_UNITS;
      const ease = jumped ? 1 : 1 - Math.exp(-3 * dt);
      this.lead.x += (own.vx * 0.14 - this.lead.x) * ease;
      this.lead.y += (own.vy * 0.14 - this.lead.y) * ease;
      this.x = ship.x + this.lead.x;
      this.y = ship.y + this.lead.y;
    } else if (!ship) {
      this.x += dt * 2.2;
      this.y += dt * 0.7;
    }
    this.trauma = Math.max(0, this.trauma - dt * 1.9);
    const throwOff = this.trauma ** 2 * 0.9;
    this.offset.x = this.x + throwOff * Math.sin(time * 71.3);
    this.offset.y = this.y + throwOff * Math.sin(time * 57.7 + 1.3);
  }

  /** Sets the canvas to world units. */
  enter(ctx) {
    const { width, height, zoom } = this.view;
    ctx.setTransform(zoom, 0, 0, zoom, width / 2 - this.offset.x * zoom, height / 2 - this.offset.y * zoom);
  }

  /** The part of the world that is on screen, with a margin in units. */
  bounds(margin = 0) {
    const { width, height, zoom } = this.view;
    const halfW = width / 2 / zoom + margin;
    const halfH = height / 2 / zoom + margin;
    const { x, y } = this.offset;
    return { left: x - halfW, right: x + halfW, top: y - halfH, bottom: y + halfH };
  }

  /** A place of the world in CSS pixels. */
  toScreen(x, y) {
    const { width, height, zoom, dpr } = this.view;
    return { x: ((x - this.offset.x) * zoom + width / 2) / dpr, y: ((y - this.offset.y) * zoom + height / 2) / dpr };
  }
}

// Own shots before the server tells of them: each leaves the nose of the own ship in the picture after the trigger, and the
// server's shot takes its place. One that the server never fired goes out after a while. Only drawn: it hits nothing.

const LATE_MS = 150;
const ALIKE_RADIANS = 0.3;
const BLEND_PER_S = 12;

export class Foreseen {
  /** @param {{ speed: number, muzzle: number, reload_s: number, rapid_reload_s: number, heat: number, fan: number }} gun what the rules say of it */
  constructor(gun) {
    this.gun = gun;
    this.shots = [];
    this.readyAt = 0;
  }

  clear() {
    this.shots = [];
  }

  /**
   * Flies all on, and fires what the trigger fires.
   * @param {object} ship the own one, as it is drawn  @param {object} own what only its owner knows
   * @param {object} stats of the room  @param {(shot: object) => void} fired
   */
  update(now, dt, trigger, ship, own, stats, fired) {
    for (const shot of this.shots) {
      shot.x += shot.vx * dt;
      shot.y += shot.vy * dt;
      shot.flown += Math.hypot(shot.vx, shot.vy) * dt;
    }
    this.shots = this.shots.filter(({ until }) => now < until);
    if (!trigger || !ship || ship.dead || now < this.readyAt) return;
    const rapid = ship.gun === 1;
    if (!rapid && own.heat + (this.shots.length + 1) * this.gun.heat > 100) return;
    this.readyAt = now + 1000 * (rapid ? this.gun.rapid_reload_s : this.gun.reload_s);
    // until what the server makes of the input is drawn
    const until = now + Math.max(0, stats.rtt) + stats.interpolationDelay + 2 * stats.tickMs + LATE_MS;
    for (const off of ship.gun === 2 ? [-this.gun.fan, 0, this.gun.fan] : [0]) {
      const shot = this.leaving(ship, own, ship.angle + off, until);
      this.shots.push(shot);
      fired(shot);
    }
  }

  leaving(ship, own, direction, until) {
    const [cos, sin] = [Math.cos(direction), Math.sin(direction)];
    const [vx, vy] = [own.vx + cos * this.gun.speed, own.vy + sin * this.gun.speed];
    const [x, y] = [ship.x + cos * this.gun.muzzle, ship.y + sin * this.gun.muzzle];
    return { x, y, vx, vy, angle: Math.atan2(vy, vx), hue: ship.hue, flown: 0, until };
  }

  /** The server tells of an own shot: the one that stood for it goes, and lends its place, from where it glides. */
  replace(shot) {
    const turned = ({ angle }) => Math.abs(Math.atan2(Math.sin(angle - shot.angle), Math.cos(angle - shot.angle)));
    const place = this.shots.findIndex(other => turned(other) < ALIKE_RADIANS);
    if (place < 0) return false;
    const [was] = this.shots.splice(place, 1);
    shot.off = { x: was.x - shot.x, y: was.y - shot.y };
    shot.fromX = was.x - Math.cos(was.angle) * was.flown;
    shot.fromY = was.y - Math.sin(was.angle) * was.flown;
    return true;
  }
}

/** Moves a shot that took another one's place a little less away from where it is. */
export function glide(shot, dt) {
  if (!shot.off) return;
  const left = Math.exp(-BLEND_PER_S * dt);
  shot.off.x *= left;
  shot.off.y *= left;
  shot.x += shot.off.x;
  shot.y += shot.off.y;
}

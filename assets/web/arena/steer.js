// From what the player holds to what a ship can do: burn, turn or aim, fire.

const BURN_STICK = 0.55;
const BRAKE_MIN_SPEED = 2.5;
const BRAKE_AIM = 0.6;

/** Remembers whether mouse or keys turned last. */
export class Steer {
  constructor() {
    this.byMouse = false;
    this.mouseAim = null;
    this.wish = { thrust: false, fire: false, turn: 0, aiming: false, aim: 0 };
  }

  /**
   * @param {object} held from Input.read
   * @param {object|undefined} ship the own ship  @param {{vx: number, vy: number}} own its speed
   */
  update(held, ship, own) {
    const { wish } = this;
    wish.fire = held.fire;
    wish.turn = 0;
    wish.aiming = held.aim !== null;
    wish.aim = held.aim ?? 0;
    if (held.touch) {
      wish.thrust = Math.hypot(held.x, held.y) > BURN_STICK;
      return wish;
    }
    this.chooseHand(held);
    if (!this.byMouse) {
      wish.aiming = false;
      wish.turn = held.x;
    }
    wish.thrust = held.y < 0 || held.thrust;
    if (held.y > 0 && ship && !wish.fire) this.brake(ship, own);
    return wish;
  }

  /** Hands off. */
  idle() {
    return Object.assign(this.wish, { thrust: false, fire: false, turn: 0, aiming: false });
  }

  // Whoever moved last turns the ship: the mouse, or the keys.
  chooseHand(held) {
    if (held.x !== 0) this.byMouse = false;
    else if (held.mouseMoved) this.byMouse = true;
  }

  // Turns against the motion and burns.
  brake(ship, own) {
    const { wish } = this;
    if (Math.hypot(own.vx, own.vy) < BRAKE_MIN_SPEED) return;
    wish.aiming = true;
    wish.aim = Math.atan2(-own.vy, -own.vx);
    const off = Math.abs(Math.atan2(Math.sin(wish.aim - ship.angle), Math.cos(wish.aim - ship.angle)));
    wish.thrust = off < BRAKE_AIM;
  }
}

// What moves behind the name screen: a field of stones, in the shape of a world.

import { seeded } from './sky.js';

const STONES = 25;
const SPAN = 130;

export class Drift {
  constructor() {
    const random = seeded(41);
    this.rocks = new Map();
    this.ships = this.shots = this.pickups = this.leaders = new Map();
    for (let id = 0; id < STONES; id++) {
      const size = id % 7 === 0 ? 2 : id % 2;
      this.rocks.set(id, {
        id, size, seed: id * 11, age: 9, angle: random() * 6, spin: (random() - 0.5) * 0.6, radius: [1.6, 3.2, 6][size] * (0.9 + random() * 0.3),
        // one to a square of a coarse grid, so that they do not start in heaps
        x: ((id % 5) + random() * 0.7) * SPAN / 5, y: (Math.floor(id / 5) + random() * 0.7) * SPAN / 5, vx: (random() - 0.5) * 2, vy: (random() - 0.5) * 2,
      });
    }
  }

  update(dt, camera) {
    for (const rock of this.rocks.values()) {
      rock.angle += rock.spin * dt;
      rock.x = wrap(rock.x + rock.vx * dt, camera.x);
      rock.y = wrap(rock.y + rock.vy * dt, camera.y);
    }
  }

  ownShip() {
    return undefined;
  }
}

// The field goes along with the camera: what leaves on one side comes in on the other.
function wrap(v, middle) {
  const off = v - middle + SPAN / 2;
  return middle - SPAN / 2 + (((off % SPAN) + SPAN) % SPAN);
}

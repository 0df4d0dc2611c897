// What is there, as the page draws it: the room's columns turned into objects that live as long as their entity.

import { Foreseen, glide } from './foreseen.js';

const KIND = { ship: 0, rock: 1, shot: 2, pickup: 3, leader: 4 };
const NAMES = ['Ship', 'Rock', 'Shot', 'Pickup', 'Leader'];
const NOBODY = 0xffffffff;
const SURELY_IN_VIEW_UNITS = 55;
const SHOT_LIFE_S = 0.7;
const HEADING_REST = Math.PI * 2 / 65_536;

export class World {
  /**
   * @param {{ radii: Float32Array, spin: (seed: number) => number }} rocks what the rules say of them
   * @param {object} gun what they say of the gun; see Foreseen
   * @param {object} on what the effects want to know: shipBlew, shipCame, shipHit, rockBroke, shotHit, shotFired, taken
   */
  constructor(rocks, gun, on) {
    this.rocksAre = rocks;
    this.foreseen = new Foreseen(gun);
    this.on = on;
    this.clear();
  }

  clear() {
    this.ships = new Map();
    this.rocks = new Map();
    this.shots = new Map();
    this.pickups = new Map();
    this.leaders = new Map();
    this.players = 0;
    this.byKind = [this.ships, this.rocks, this.shots, this.pickups, this.leaders];
    this.own = { id: NOBODY, seat: NOBODY, vx: 0, vy: 0, heat: 0, respawn_s: 0, gun_s: 0 };
    this.line = { tick: 0, hash: 0, rtt_ms: -1, bytesIn: 0, bytesOut: 0 };
    this.foreseen.clear();
    this.mark = 0;
    this.calm = true;
  }

  /** Brings everything to `now`, with the trigger held or not. */
  update(room, now, dt, trigger) {
    room.sample(now);
    this.room = room;
    this.mark += 1;
    this.readOwn(room);
    const readers = [this.readShip, this.readRock, this.readShot, this.readPickup, this.readLeader];
    let rows = 0;
    readers.forEach((read, kind) => {
      const columns = room.columns(NAMES[kind]);
      rows += columns.length;
      this.readKind(kind, columns, read, now / 1000, dt);
    });
    this.foreseen.update(now, dt, trigger, this.ownShip(), this.own, room.stats, shot => this.on.shotFired(shot));
    const roster = room.columns('Roster');
    if (roster.length > 0) this.players = roster.players[0];
    for (const entities of this.byKind) this.forgetUnseen(entities);
    this.calm = rows === 0;
  }

  /** An entity's name came with a state of its own. */
  rename({ id, name }) {
    const entity = this.ships.get(id) ?? this.leaders.get(id);
    if (entity) entity.name = name;
  }

  ownShip() {
    return this.ships.get(this.own.id);
  }

  readOwn(room) {
    const { own } = this;
    const [ship] = room.own;
    own.id = ship?.id ?? NOBODY;
    own.seat = room.seat ?? NOBODY;
    if (ship) for (const name of ['vx', 'vy', 'heat', 'respawn_s', 'gun_s']) own[name] = ship[name];
    const { rtt, bytesIn, bytesOut } = room.stats;
    Object.assign(this.line, { tick: room.tick, hash: room.hash, rtt_ms: rtt, bytesIn, bytesOut });
  }

  readKind(kind, columns, read, time, dt) {
    const entities = this.byKind[kind];
    const { id: ids, length, x, y, heading, x_rest: xRest, y_rest: yRest, heading_rest: headingRest } = columns;
    for (let i = 0; i < length; i++) {
      const id = ids[i];
      let entity = entities.get(id);
      const fresh = entity === undefined;
      if (fresh) {
        entities.set(id, entity = { id, kind, name: '', age: 0, angle: 0 });
        if (columns.name) entity.name = this.room.entity(id).name;
      }
      entity.mark = this.mark;
      entity.age += dt;
      // what only the owner is told is finer
      entity.x = xRest ? x[i] + xRest[i] : x[i];
      entity.y = yRest ? y[i] + yRest[i] : y[i];
      if (heading) entity.angle = headingRest ? heading[i] + headingRest[i] * HEADING_REST : heading[i];
      read.call(this, entity, columns, i, { fresh, time, dt });
    }
  }

  readShip(ship, columns, i, { fresh, dt }) {
    const dead = columns.dead[i] !== 0;
    const hp = columns.hp[i];
    ship.thrust = columns.thrust[i] !== 0;
    ship.safe = columns.safe[i] !== 0;
    ship.drone = columns.drone[i] !== 0;
    ship.hue = columns.hue[i];
    ship.gun = columns.gun[i];
    ship.score = columns.score[i];
    ship.own = ship.id === this.own.id;
    if (fresh) {
      ship.burn = 0;
      ship.hurt = 0;
    } else if (dead !== ship.dead) {
      if (dead) this.on.shipBlew(ship);
      else this.on.shipCame(ship);
    } else if (!dead && hp < ship.hp) {
      ship.hurt = 1;
      this.on.shipHit(ship, ship.hp - hp);
    }
    ship.dead = dead;
    ship.hp = hp;
    ship.hurt = Math.max(0, ship.hurt - dt * 5);
    ship.burn += ((ship.thrust && !dead ? 1 : 0) - ship.burn) * Math.min(1, dt * 14);
  }

  readRock(rock, columns, i, { fresh, time }) {
    rock.size = columns.size[i];
    rock.radius = this.rocksAre.radii[rock.size];
    if (fresh || rock.seed !== columns.seed[i]) {
      rock.seed = columns.seed[i];
      rock.spin = this.rocksAre.spin(rock.seed);
    }
    rock.angle = (rock.spin * time) % (2 * Math.PI);
    this.endOnce(rock, columns.broken[i], this.on.rockBroke);
  }

  readShot(shot, columns, i, { fresh, dt }) {
    shot.hue = columns.hue[i];
    if (fresh) {
      shot.fromX = shot.x;
      shot.fromY = shot.y;
      const own = this.ownShip();
      const foreseen = own && own.hue === shot.hue && this.foreseen.replace(shot);
      if (!foreseen && !this.calm) this.on.shotFired(shot);
    }
    glide(shot, dt);
    shot.flown = Math.hypot(shot.x - shot.fromX, shot.y - shot.fromY);
    this.endOnce(shot, columns.hit[i], this.on.shotHit);
  }

  readPickup(pickup, columns, i) {
    pickup.gift = columns.gift[i];
    this.endOnce(pickup, columns.taken[i], this.on.taken);
  }

  readLeader(leader, columns, i) {
    leader.rank = columns.rank[i];
    leader.seat = columns.seat[i];
    leader.hue = columns.hue[i];
    leader.score = columns.score[i];
  }

  // Broken, hit, taken: told once, then the entity goes.
  endOnce(entity, flag, tell) {
    const gone = flag !== 0;
    if (gone && !entity.gone) tell(entity);
    entity.gone = gone;
  }

  forgetUnseen(entities) {
    for (const [id, entity] of entities) {
      if (entity.mark === this.mark) continue;
      entities.delete(id);
      if (!entity.gone && !this.calm) this.supposeEnd(entity);
    }
  }

  // The last word of an entity lasts one tick: a slow page misses it, and then goes by what is likely.
  supposeEnd(entity) {
    const own = this.ownShip();
    if (!own || Math.hypot(entity.x - own.x, entity.y - own.y) > SURELY_IN_VIEW_UNITS) return;
    if (entity.kind === KIND.rock) this.on.rockBroke(entity);
    if (entity.kind === KIND.shot && entity.age < SHOT_LIFE_S) this.on.shotHit(entity);
  }
}

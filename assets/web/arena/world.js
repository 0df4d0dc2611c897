// What is there, as the page draws it: the client core's rows turned into objects that live as long as their entity.
//
// Row layout: shared/web/src/rows.rs, which is the other half of this file.

const STRIDE = 12;
const KIND = { ship: 0, rock: 1, shot: 2, pickup: 3, leader: 4, roster: 5 };
const NOBODY = 0xffffffff;
const SHIP_FLAGS = { thrust: 1, dead: 2, safe: 4, drone: 8 };
const GONE = 1;
const SURELY_IN_VIEW_UNITS = 55;
const SHOT_LIFE_S = 0.7;

export class World {
  /**
   * @param {WebAssembly.Memory} memory where the core keeps its rows
   * @param {object} on what the effects want to know: shipBlew, shipCame, shipHit, rockBroke, shotHit, shotFired, taken
   */
  constructor(memory, on) {
    this.memory = memory;
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
    this.mark = 0;
    this.calm = true;
  }

  /** Brings everything to `now`. */
  update(core, now, dt) {
    const rows = core.sample(now);
    // the module's memory may have grown, which voids older views
    const at = core.rows_ptr();
    this.words = new Uint32Array(this.memory.buffer, at, (rows + 1) * STRIDE);
    this.floats = new Float32Array(this.memory.buffer, at, (rows + 1) * STRIDE);
    this.core = core;
    this.mark += 1;
    this.readHead();
    for (let i = 1; i <= rows; i++) this.readRow(i * STRIDE, dt);
    for (const entities of this.byKind) this.forgetUnseen(entities);
    this.calm = rows === 0;
  }

  ownShip() {
    return this.ships.get(this.own.id);
  }

  readHead() {
    const { words, floats, own, line } = this;
    own.id = words[0];
    own.seat = words[1];
    own.vx = floats[2];
    own.vy = floats[3];
    own.heat = floats[4];
    own.respawn_s = floats[5];
    own.gun_s = floats[6];
    line.tick = words[7];
    line.hash = words[8];
    line.rtt_ms = floats[9];
    line.bytesIn = words[10];
    line.bytesOut = words[11];
  }

  readRow(at, dt) {
    const { words, floats } = this;
    const id = words[at];
    const kind = words[at + 1];
    if (kind === KIND.roster) {
      this.players = words[at + 6];
      return;
    }
    const entities = this.byKind[kind];
    if (!entities) return;
    let entity = entities.get(id);
    const fresh = entity === undefined;
    if (fresh) entities.set(id, entity = { id, kind, name: '', nameHash: 0, age: 0 });
    entity.mark = this.mark;
    entity.age += dt;
    entity.x = floats[at + 2];
    entity.y = floats[at + 3];
    entity.angle = floats[at + 4];
    const flags = words[at + 6];
    switch (kind) {
      case KIND.ship: return this.readShip(entity, at, flags, fresh, dt);
      case KIND.rock: return this.readRock(entity, at, flags);
      case KIND.shot: return this.readShot(entity, at, flags, fresh);
      case KIND.pickup: return this.readPickup(entity, at, flags);
      default: return this.readLeader(entity, at);
    }
  }

  readShip(ship, at, flags, fresh, dt) {
    const { words, floats } = this;
    const dead = (flags & SHIP_FLAGS.dead) !== 0;
    const hp = floats[at + 5];
    ship.thrust = (flags & SHIP_FLAGS.thrust) !== 0;
    ship.safe = (flags & SHIP_FLAGS.safe) !== 0;
    ship.drone = (flags & SHIP_FLAGS.drone) !== 0;
    ship.hue = words[at + 7];
    ship.gun = words[at + 8];
    ship.score = words[at + 9];
    ship.own = ship.id === this.own.id;
    this.readName(ship, words[at + 10]);
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

  readRock(rock, at, flags) {
    rock.radius = this.floats[at + 5];
    rock.seed = this.words[at + 7];
    rock.size = this.words[at + 8];
    this.endOnce(rock, flags, this.on.rockBroke);
  }

  readShot(shot, at, flags, fresh) {
    shot.hue = this.words[at + 7];
    if (fresh) {
      shot.fromX = shot.x;
      shot.fromY = shot.y;
      if (!this.calm) this.on.shotFired(shot);
    }
    shot.flown = Math.hypot(shot.x - shot.fromX, shot.y - shot.fromY);
    this.endOnce(shot, flags, this.on.shotHit);
  }

  readPickup(pickup, at, flags) {
    pickup.gift = this.words[at + 7];
    this.endOnce(pickup, flags, this.on.taken);
  }

  readLeader(leader, at) {
    const { words, floats } = this;
    leader.rank = floats[at + 5];
    leader.seat = words[at + 6];
    leader.hue = words[at + 7];
    leader.score = words[at + 9];
    this.readName(leader, words[at + 10]);
  }

  readName(entity, hash) {
    if (entity.nameHash === hash) return;
    entity.nameHash = hash;
    entity.name = this.core.name_of(entity.id);
  }

  // Broken, hit, taken: told once, then the entity goes.
  endOnce(entity, flags, tell) {
    const gone = (flags & GONE) !== 0;
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

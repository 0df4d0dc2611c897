// Arena in the browser: puts the parts together and runs the frames.

import { connect, seated } from '../tickwire/index.js';
import { Camera } from './camera.js';
import { Drift } from './drift.js';
import { Effects } from './effects.js';
import { Hud } from './hud.js';
import { Input } from './input.js';
import { Lobby } from './lobby.js';
import { Radar } from './radar.js';
import { Renderer } from './render.js';
import { Sound } from './sound.js';
import { Steer } from './steer.js';
import { World } from './world.js';
import load, { gun, news, pilot, rock_radii, rock_spin, world_radius } from './wasm/tickwire_arena_web.js';
import { openWindow } from './window.js';

const SERVER = '/ws';
const STEP_MAX_S = 0.1;
const HIDDEN_BEAT_MS = 1000;
const HELP_KEYS = 'W burn · A D turn, or aim with the mouse · S brake · click or space fire · right button burn · M sound · H help';
const HELP_TOUCH = 'left thumb flies · right thumb fires';

class Arena {
  /** @param {import('./lab.js').Lab | null} lab */
  constructor(lab) {
    this.lab = lab;
    const canvas = document.getElementById('view');
    this.camera = new Camera(canvas);
    this.sound = new Sound(this.camera);
    const shake = matchMedia('(prefers-reduced-motion: reduce)').matches ? () => {} : this.camera.shake.bind(this.camera);
    this.effects = new Effects(shake, this.sound.play.bind(this.sound));
    this.world = new World({ radii: rock_radii(), spin: rock_spin }, gun(), listeners(this.effects));
    this.drift = new Drift();
    this.renderer = new Renderer(canvas, this.camera, world_radius());
    this.radar = new Radar(document.getElementById('map'), world_radius());
    this.hud = new Hud();
    this.input = new Input(canvas, document.getElementById('touch'));
    this.steer = new Steer();
    this.notice = document.getElementById('notice');
    this.room = null;
    this.phase = 'idle';
    /** The one in which all that is drawn was seen. */
    this.seats = 0;
    this.lobby = new Lobby(name => this.join(name));
    this.last = performance.now();
    this.noticed = '';
    this.listen();
  }

  start() {
    this.camera.resize();
    this.lobby.start(seated(SERVER, 'arena'));
    requestAnimationFrame(() => this.frame());
  }

  /** A seat under this name, or the lobby with the reason why there is none. */
  async join(name) {
    this.seats = 0;
    try {
      await connect(SERVER, {
        game: 'arena',
        name,
        WebSocket: this.lab?.WebSocket,
        wasm: { load, client: (_, { name, pass, wish }, ...of) => pilot(name, pass, wish, ...of) },
        onState: (state, reason, room) => this.enter(state, reason, room),
        onEvent: event => this.tell(event),
        onChange: (entity, fields) => fields.includes('name') && this.world.rename(entity),
      });
    } catch (error) {
      this.lobby.show(error.message);
    }
  }

  tell(event) {
    const told = news(event);
    this.hud.news(told, this.world.own.seat);
    told.free();
  }

  listen() {
    addEventListener('resize', () => this.camera.resize());
    // out of the browser's cache, without its socket
    addEventListener('pageshow', ({ persisted }) => persisted && this.room?.hurry());
    document.addEventListener('visibilitychange', () => this.hide(document.hidden));
    this.input.shortcut('KeyM', () => this.hud.help(this.sound.toggle() ? 'sound on' : 'sound off'));
    this.input.shortcut('KeyH', () => this.help());
    setInterval(() => document.hidden && this.beat(), HIDDEN_BEAT_MS);
  }

  frame() {
    requestAnimationFrame(() => this.frame());
    const now = performance.now();
    const dt = Math.min(STEP_MAX_S, (now - this.last) / 1000);
    this.last = now;
    if (this.room?.state === 'playing') this.play(now, dt);
    this.draw(now, dt);
    this.showNotice(now);
    this.lab?.update(now, this.room?.stats);
  }

  play(now, dt) {
    const { camera, room, world } = this;
    const ship = world.ownShip();
    const held = this.input.read(camera.toScreen(ship?.x ?? camera.x, ship?.y ?? camera.y));
    const wish = this.steer.update(held, ship, world.own);
    this.send(now, wish);
    world.update(room, now, dt, wish.fire);
    for (const each of world.ships.values()) this.effects.exhaust(each, dt);
    this.hud.update(now, world, held.touch);
  }

  draw(now, dt) {
    const time = now / 1000;
    const inLobby = document.body.dataset.screen === 'lobby';
    const scene = inLobby ? this.drift : this.world;
    this.camera.update(scene.ownShip(), this.world.own, dt, time);
    if (inLobby) this.drift.update(dt, this.camera);
    this.effects.update(dt);
    this.renderer.draw(scene, this.effects, time);
    if (!inLobby) this.radar.draw(this.world, this.camera);
  }

  send(now, { thrust, fire, turn, aiming, aim }) {
    this.room.input({ thrust, fire, turn, aiming, aim }, now);
  }

  // The page is hidden: no frames come, but the ship must not fly on.
  beat() {
    if (this.room?.state !== 'playing') return;
    this.send(performance.now(), this.steer.idle());
    this.room.sample();
  }

  hide(hidden) {
    this.input.release();
    if (hidden) {
      this.beat();
    } else {
      this.room?.hurry();
      this.world.calm = true;
      this.effects.clear();
    }
  }

  enter(phase, reason, room) {
    this.phase = phase;
    this.reason = reason;
    this.room = room;
    this.input.active = phase === 'playing';
    if (phase === 'playing') {
      document.body.dataset.screen = 'play';
      // back in the same seat, all goes on
      if (room.seats === this.seats) return;
      this.seats = room.seats;
      this.world.clear();
      this.effects.clear();
      this.hud.clear();
      this.help();
    } else {
      this.input.release();
    }
    if (phase === 'refused' || phase === 'closed') this.lobby.show(reason);
  }

  help() {
    this.hud.help(matchMedia('(pointer: coarse)').matches ? HELP_TOUCH : HELP_KEYS);
  }

  showNotice(now) {
    const { phase, reason, room } = this;
    let text = '';
    if (phase === 'connecting' || phase === 'joining') text = 'connecting …';
    if (phase === 'resuming') {
      const wait = Math.ceil((room.retryAt - now) / 1000);
      const when = wait > 0 ? `next try in ${wait} s` : `try ${room.attempt}`;
      text = `Connection lost, coming back … ${reason ? `${reason}; ` : ''}${when}`;
    }
    if (text === this.noticed) return;
    this.noticed = text;
    this.notice.textContent = text;
    document.body.classList.toggle('away', phase === 'resuming');
  }
}

function listeners(effects) {
  const names = ['shipBlew', 'shipCame', 'shipHit', 'rockBroke', 'shotHit', 'shotFired', 'taken'];
  return Object.fromEntries(names.map(name => [name, effects[name].bind(effects)]));
}

/** Only who asks for it loads it. */
async function openLab() {
  const wanted = new URLSearchParams(location.search).get('lab');
  if (wanted === null) return null;
  const { Lab } = await import('./lab.js');
  return new Lab(wanted);
}

try {
  await load();
  const arena = new Arena(await openLab());
  openWindow(arena);
  arena.start();
} catch (error) {
  document.getElementById('reason').textContent = `Arena cannot start here: ${error.message ?? error}`;
  throw error;
}

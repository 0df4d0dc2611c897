// Arena in the browser: puts the parts together and runs the frames.

import init, { ArenaClient, world_radius } from '../pkg/tickwire_web.js';
import { Camera } from './camera.js';
import { Connection } from './connection.js';
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
import { openWindow } from './window.js';

const STEP_MAX_S = 0.1;
const HIDDEN_BEAT_MS = 1000;
const HELP_KEYS = 'W burn · A D turn, or aim with the mouse · S brake · click or space fire · right button burn · M sound · H help';
const HELP_TOUCH = 'left thumb flies · right thumb fires';

class Arena {
  constructor(memory) {
    const canvas = document.getElementById('view');
    this.camera = new Camera(canvas);
    this.sound = new Sound(this.camera);
    const shake = matchMedia('(prefers-reduced-motion: reduce)').matches ? () => {} : this.camera.shake.bind(this.camera);
    this.effects = new Effects(shake, this.sound.play.bind(this.sound));
    this.world = new World(memory, listeners(this.effects));
    this.drift = new Drift();
    this.renderer = new Renderer(canvas, this.camera, world_radius());
    this.radar = new Radar(document.getElementById('map'), world_radius());
    this.hud = new Hud();
    this.input = new Input(canvas, document.getElementById('touch'));
    this.steer = new Steer();
    this.notice = document.getElementById('notice');
    this.connection = new Connection(ArenaClient, {
      phase: (phase, detail) => this.enter(phase, detail),
      news: news => this.hud.news(news, this.world.own.seat),
    });
    this.lobby = new Lobby(name => this.connection.join(name));
    this.last = performance.now();
    this.noticed = '';
    this.listen();
  }

  start() {
    this.camera.resize();
    this.lobby.start();
    requestAnimationFrame(() => this.frame());
  }

  listen() {
    addEventListener('resize', () => this.camera.resize());
    addEventListener('online', () => this.connection.hurry());
    addEventListener('pagehide', () => this.connection.leave());
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
    this.connection.update(now);
    if (this.connection.phase === 'playing') this.play(now, dt);
    this.draw(now, dt);
    this.showNotice(now);
  }

  play(now, dt) {
    const { camera, connection, world } = this;
    const ship = world.ownShip();
    const held = this.input.read(camera.toScreen(ship?.x ?? camera.x, ship?.y ?? camera.y));
    this.send(now, this.steer.update(held, ship, world.own));
    world.update(connection.core, now, dt);
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

  send(now, wish) {
    this.connection.core.input(now, wish.thrust, wish.fire, wish.turn, wish.aiming, wish.aim);
    this.connection.flush();
  }

  // The page is hidden: no frames come, but the connection wants to live and the ship must not fly on.
  beat() {
    const now = performance.now();
    this.connection.update(now);
    if (this.connection.phase === 'playing') this.send(now, this.steer.idle());
  }

  hide(hidden) {
    this.input.release();
    if (hidden) {
      this.beat();
    } else {
      this.connection.hurry();
      this.world.calm = true;
      this.effects.clear();
    }
  }

  enter(phase, { reason = '' }) {
    this.input.active = phase === 'playing';
    if (phase === 'playing') {
      document.body.dataset.screen = 'play';
      this.world.clear();
      this.effects.clear();
      this.hud.clear();
      this.help();
    } else {
      this.input.release();
    }
    if (phase === 'refused') this.lobby.show(reason);
    this.reason = reason;
  }

  help() {
    this.hud.help(matchMedia('(pointer: coarse)').matches ? HELP_TOUCH : HELP_KEYS);
  }

  showNotice(now) {
    const { phase, retryAt } = this.connection;
    let text = '';
    if (phase === 'joining') text = 'connecting …';
    if (phase === 'lost') {
      const wait = Math.max(1, Math.ceil((retryAt - now) / 1000));
      text = `connection lost${this.reason ? ` (${this.reason})` : ''}, trying again in ${wait} s`;
    }
    if (text === this.noticed) return;
    this.noticed = text;
    this.notice.textContent = text;
    document.body.classList.toggle('away', phase === 'lost');
  }
}

function listeners(effects) {
  const names = ['shipBlew', 'shipCame', 'shipHit', 'rockBroke', 'shotHit', 'shotFired', 'taken'];
  return Object.fromEntries(names.map(name => [name, effects[name].bind(effects)]));
}

try {
  const { memory } = await init();
  const arena = new Arena(memory);
  openWindow(arena);
  arena.start();
} catch (error) {
  document.getElementById('reason').textContent = `Arena cannot start here: ${error.message ?? error}`;
  throw error;
}

// Numbers and words over the picture. Writes to the page only what changed, and slow numbers only twice a second.

import { PAINTS } from './palette.js';

const SLOW_MS = 500;
const FEED_LINES = 5;
const FEED_MS = 7000;
const MAX_HP = 100;
const GUNS = ['', 'RAPID FIRE', 'TRIPLE SHOT'];
const CAUSES = ['▸', '☄', '✕'];

const element = id => document.getElementById(id);

export class Hud {
  constructor() {
    this.shown = new Map();
    this.slowAt = 0;
    this.frames = 0;
    this.last = null;
    this.killer = '';
    this.dead = false;
  }

  clear() {
    element('feed').replaceChildren();
    this.last = null;
    this.killer = '';
  }

  /** Once a frame. */
  update(now, world, touch) {
    this.frames += 1;
    if (now - this.slowAt >= SLOW_MS) this.updateSlow(now, world);
    const own = world.ownShip();
    this.updateHull(own, world.own);
    this.updateDeath(own, world.own);
    this.text('s-points', own ? own.score.toLocaleString('en') : '0');
    document.body.classList.toggle('touch', touch);
  }

  updateSlow(now, world) {
    const seconds = (now - this.slowAt) / 1000;
    const { line } = world;
    this.text('m-fps', Math.round(this.frames / seconds));
    this.text('m-tick', line.tick);
    this.text('m-ping', line.rtt_ms >= 0 ? Math.round(line.rtt_ms) : '–');
    if (this.last) {
      this.text('m-down', (((line.bytesIn - this.last.bytesIn) >>> 0) / 1000 / seconds).toFixed(1));
      this.text('m-up', (((line.bytesOut - this.last.bytesOut) >>> 0) / 1000 / seconds).toFixed(1));
    }
    this.last = { bytesIn: line.bytesIn, bytesOut: line.bytesOut };
    this.slowAt = now;
    this.frames = 0;
    this.text('m-players', world.players);
    this.updateBoard(world);
  }

  updateBoard(world) {
    const leaders = [...world.leaders.values()].sort((a, b) => a.rank - b.rank);
    const mine = leaders.find(leader => leader.seat === world.own.seat);
    this.text('s-place', mine ? `#${mine.rank}` : '');
    const key = leaders.map(({ rank, name, score, seat }) => `${rank} ${name} ${score} ${seat === world.own.seat}`).join('\n');
    if (this.shown.get('board') === key) return;
    this.shown.set('board', key);
    element('board').replaceChildren(...leaders.map(leader => {
      const row = make('li', leader === mine ? 'own' : '');
      const name = make('span', 'who', leader.name || 'nameless');
      name.style.color = leader === mine ? '' : PAINTS[leader.hue].text;
      row.append(make('span', 'rank', leader.rank), name, make('b', '', leader.score.toLocaleString('en')));
      return row;
    }));
  }

  updateHull(own, mine) {
    const hp = own && !own.dead ? own.hp : 0;
    this.style('hull', '--left', (hp / MAX_HP).toFixed(3));
    this.style('hull', '--heat', (mine.heat / 100).toFixed(2));
    this.attribute('hull', 'data-state', hp > 50 ? 'good' : hp > 25 ? 'worn' : 'bad');
    const gun = own && mine.gun_s > 0 ? `${GUNS[own.gun]} ${mine.gun_s.toFixed(0)} s` : 'HULL';
    if (this.shown.get('gun') !== gun) {
      this.shown.set('gun', gun);
      element('hull').lastElementChild.textContent = gun;
    }
    document.body.style.setProperty('--hurt', own && !own.dead ? own.hurt.toFixed(2) : '0');
  }

  updateDeath(own, mine) {
    const dead = Boolean(own?.dead);
    document.body.classList.toggle('dead', dead);
    // the news of a death comes before the death is drawn: it is kept until the ship is back
    if (!dead && this.dead) this.killer = '';
    this.dead = dead;
    if (!dead) return;
    this.text('d-who', this.killer || 'Your ship is lost');
    this.text('d-wait', mine.respawn_s > 0 ? `back in ${mine.respawn_s.toFixed(1)} s` : 'launching …');
  }

  /** A line in the feed. */
  news(news, ownSeat) {
    const mine = seat => seat !== undefined && seat === ownSeat;
    const line = make('li', mine(news.victim_seat) || mine(news.killer_seat) ? 'own' : '');
    if (news.killer !== undefined) line.append(make('b', mine(news.killer_seat) ? 'me' : '', news.killer || 'nameless'));
    line.append(make('i', '', CAUSES[news.cause] ?? '▸'));
    line.append(make('b', mine(news.victim_seat) ? 'me' : '', news.victim || 'nameless'));
    if (news.streak >= 3) line.append(make('em', '', `${news.streak} in a row`));
    const feed = element('feed');
    feed.prepend(line);
    while (feed.children.length > FEED_LINES) feed.lastElementChild.remove();
    setTimeout(() => line.remove(), FEED_MS);
    if (mine(news.victim_seat)) {
      this.killer = news.killer === undefined ? 'An asteroid got you' : `${news.killer || 'Somebody nameless'} got you`;
    }
  }

  /** The help line; it fades by itself. */
  help(text) {
    const line = element('help');
    line.textContent = text;
    line.classList.remove('fade');
    void line.offsetWidth; // begins the fading anew
    line.classList.add('fade');
  }

  text(id, value) {
    const text = String(value);
    if (this.shown.get(id) === text) return;
    this.shown.set(id, text);
    element(id).textContent = text;
  }

  style(id, property, value) {
    const key = id + property;
    if (this.shown.get(key) === value) return;
    this.shown.set(key, value);
    element(id).style.setProperty(property, value);
  }

  attribute(id, name, value) {
    const key = id + name;
    if (this.shown.get(key) === value) return;
    this.shown.set(key, value);
    element(id).setAttribute(name, value);
  }
}

function make(tag, className, text = '') {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.textContent = text;
  return made;
}

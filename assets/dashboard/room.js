// One room: map, seats, fields, bytes, and what an operator can do to it.

import { ask } from './api.js';
import { confirm } from './dialog.js';
import { $, Rate, bytes, element, rate, short, showBars, showTiles, time } from './format.js';
import { COLOURS, RoomMap } from './map.js';

const ENTITIES = 1000;
const SEATS = 200;
const BARS = 16;
/** What frames have beside public fields. */
const PARTS = [['structure', 'who is there, who changed'], ['heads', 'heads of frames'], ['owned', 'owner-only fields'], ['events', 'events']];

export class RoomScreen {
  name = 'room';
  seat = null;
  entity = null;
  pinned = false;
  line = null;
  fieldRates = new Map();
  rates = { bytes: new Rate(), frames: new Rate(), late: new Rate(10) };
  stop = new AbortController();

  constructor(number) {
    this.number = number;
    this.path = `/admin/rooms/${number}`;
    const { signal } = this.stop;
    const on = (id, name, act) => $(id).addEventListener(name, act, { signal });
    this.map = new RoomMap($('map'), $('map-scale'), {
      pointed: entity => { if (!this.pinned) this.mark(entity); },
      picked: entity => { this.pinned = Boolean(entity); this.mark(entity); this.pickOwner(entity); },
    });
    on('map-fit', 'click', () => this.map.fit());
    on('seat-none', 'click', () => this.pick(null));
    on('seats', 'click', event => {
      const row = event.target.closest('tbody tr');
      if (row) this.pick(Number(row.dataset.seat) === this.seat ? null : Number(row.dataset.seat));
    });
    on('seat-kick', 'click', () => this.kick());
    on('seat-message', 'click', () => this.message(this.seat));
    on('room-message', 'click', () => this.message(null));
    on('room-lock', 'click', () => this.lock());
    on('room-dispose', 'click', () => this.dispose());
    for (const id of ['seats', 'fields']) $(id).tBodies[0].replaceChildren();
    for (const id of ['legend', 'bytes', 'room-tiles']) $(id).replaceChildren();
    for (const id of ['map-note', 'seats-count', 'entity-name', 'bytes-note']) $(id).textContent = '';
    this.showActions();
  }

  close() {
    this.stop.abort();
    this.map.close();
    if ($('confirm').open) $('confirm').close();
  }

  /** The canvas has a size only once its screen is shown. */
  shown() {
    if (this.map.canvas.clientWidth && !this.map.view) this.map.resize();
  }

  async look() {
    const inspected = await this.inspect();
    const [report, { rooms }] = await Promise.all([ask(this.path), ask(`/admin/rooms?limit=1&after=${this.number - 1}`)]);
    if (this.stop.signal.aborted) return;
    this.line = rooms.find(({ room }) => room === Number(this.number)) ?? null;
    this.showTiles(report);
    this.showBytes(report);
    this.show(inspected);
  }

  async inspect() {
    const query = [`limit=${ENTITIES}`, `seats=${SEATS}`];
    const { seat } = this;
    if (seat !== null) query.push(`seat=${seat}`);
    // where there is too much for one answer, what is on the screen
    const crowded = this.inspected && this.inspected.entities_total > ENTITIES && this.map.view;
    if (crowded) query.push(`area=${this.map.area().map(at => at.toFixed(3)).join(',')}`);
    return { ...(await ask(`${this.path}/inspect?${query.join('&')}`)), asked: seat };
  }

  async lookAgain() {
    const inspected = await this.inspect().catch(() => null);
    if (inspected && !this.stop.signal.aborted) this.show(inspected);
  }

  show(inspected) {
    // another seat was picked meanwhile: what this one holds is not that one's
    if (inspected.asked !== this.seat) return;
    this.inspected = inspected;
    if (this.seat !== null && !inspected.seats.some(({ seat }) => seat === this.seat)) this.seat = null;
    this.map.show(inspected, this.seat);
    this.showLegend();
    this.showSeats();
    this.showActions();
    if (this.entity) {
      const now = inspected.entities.find(({ id }) => id === this.entity.id);
      if (!now) this.pinned = false;
      this.mark(now ?? null);
    }
    const { entities, entities_within: within, entities_total: total, cell_size: cell } = inspected;
    const some = entities.length < within ? `${short(entities.length)} of ${short(within)} shown, of all parts: zoom in for all` : `${short(total)} entities`;
    $('map-note').textContent = `${some}${cell ? `, cells of ${short(cell)}` : ', everybody sees everything'}`;
    $('map-none').hidden = entities.some(({ at }) => at);
    $('map-none').textContent = total ? 'Nothing here has a place: it is everywhere.' : 'There is nothing in this room.';
  }

  showTiles(report) {
    const now = performance.now();
    const out = this.rates.bytes.add(report.frame_bytes, now);
    const frames = this.rates.frames.add(report.frames, now);
    const late = this.line?.ticks_late ?? NaN;
    const share = report.load_ratio;
    const unit = ([value, step]) => [value, step && `${step}/s`];
    showTiles($('room-tiles'), [
      ['Players', short(report.players_total), `of ${report.seats}`, `${report.game}, thread ${report.thread}`],
      ['Tick', ...time(report.tick_mean_s), `longest ${time(report.tick_max_s).join(' ')}`],
      ['Load', short(100 * share), '%', `of ${time(1 / report.rate_hz).join(' ')} a tick`, share > 0.85 ? 'bad' : share > 0.5 ? 'warn' : ''],
      ['Late ticks', short(late), '', `of ${short(report.tick)}, by 5 ms`, this.rates.late.add(late, now) > 0 ? 'warn' : ''],
      ['Out', ...unit(bytes(out)), `${rate(out / report.players_total)} a player`],
      ['Frames', short(frames), '/s', Number.isFinite(out / frames) ? `${short(out / frames)} B each` : ''],
    ]);
    $('room-lock').textContent = this.line?.locked ? 'Unlock…' : 'Lock…';
    $('crumb').textContent = `› Room ${this.number} · ${report.game}${this.line?.locked ? ' · locked' : ''}`;
  }

  showLegend() {
    const { kinds, entities } = this.inspected;
    const counts = new Map();
    for (const { kind } of entities) counts.set(kind, (counts.get(kind) ?? 0) + 1);
    const legend = $('legend');
    if (legend.children.length !== kinds.length) {
      legend.replaceChildren(...kinds.map(({ name }, kind) => {
        const button = element('button', { 'aria-pressed': 'true', title: `Hide or show ${name}` }, element('i'), element('span'));
        button.addEventListener('click', () => {
          const { hiddenKinds } = this.map;
          if (!hiddenKinds.delete(kind)) hiddenKinds.add(kind);
          button.setAttribute('aria-pressed', String(!hiddenKinds.has(kind)));
          this.map.dirty = true;
        });
        return button;
      }));
    }
    for (const [kind, { name }] of kinds.entries()) {
      const [dot, text] = legend.children[kind].children;
      dot.style.background = `var(--kind-${Math.min(kind, COLOURS - 1)})`;
      text.textContent = `${name} ${short(counts.get(kind) ?? 0)}`;
    }
  }

  showSeats() {
    const { seats, seats_total: all, rate_hz: rateHz } = this.inspected;
    const picked = seats.find(({ seat }) => seat === this.seat);
    const shown = seats.slice(0, SEATS);
    if (picked && !shown.includes(picked)) shown.unshift(picked);
    const body = $('seats').tBodies[0];
    while (body.rows.length > shown.length) body.lastChild.remove();
    while (body.rows.length < shown.length) body.append(element('tr', { tabindex: '0' }, element('td'), element('td'), element('td', { class: 'n' }), element('td', { class: 'n' })));
    for (const [at, seat] of shown.entries()) {
      const row = body.rows[at];
      row.dataset.seat = seat.seat;
      row.setAttribute('aria-selected', String(seat.seat === this.seat));
      row.title = `${seat.channels} channels; sees ${seat.sees}${seat.account ? `; account ${seat.account}` : ''}`;
      const [number, name, age, waiting] = row.cells;
      number.textContent = seat.seat;
      const tags = [seat.away && 'away', seat.blocked && 'blocked', seat.limit_bytes_per_s !== null && `slow: ${rate(seat.limit_bytes_per_s)}`].filter(Boolean);
      name.replaceChildren(seat.name || '(no name)', ...tags.map(text => element('span', { class: 'tag warn', text })));
      age.textContent = seat.frame_age_ticks === null ? '–' : seat.frame_age_ticks ? time(seat.frame_age_ticks / rateHz).join(' ') : 'this tick';
      age.className = seat.frame_age_ticks > rateHz ? 'n warn' : 'n';
      waiting.textContent = bytes(seat.unacked_bytes).join(' ');
    }
    $('seats-count').textContent = all > shown.length ? `${short(shown.length)} of ${short(all)}` : all ? short(all) : 'nobody';
    const { held, channels, entities } = this.inspected;
    const sees = picked && held && entities.filter(({ channel }) => held.includes(channel)).length;
    const cells = held && new Set(held.map(at => String(channels[at].cell))).size;
    $('seats-hint').textContent = picked && held
      ? `${picked.name || 'This seat'} holds ${short(held.length)} channels in ${short(cells)} cells, and so ${short(sees)} of the ${short(entities.length)} entities shown.`
      : 'Pick a seat: what it is sent lights up on the map, the rest fades.';
  }

  showActions() {
    $('seat-none').hidden = $('seat-actions').hidden = this.seat === null;
  }

  pick(seat) {
    this.seat = seat;
    this.showActions();
    this.lookAgain();
    // where the map is above the list and not beside it
    if (seat !== null && matchMedia('(max-width: 62rem)').matches) $('map-box').scrollIntoView({ block: 'center' });
  }

  /** Who taps a ship wants to see what its player sees. */
  pickOwner(entity) {
    if (entity && entity.owner !== null && entity.owner !== this.seat) this.pick(entity.owner);
  }

  mark(entity) {
    this.entity = entity;
    this.map.marked = entity?.id;
    this.map.dirty = true;
    $('entity-hint').hidden = Boolean(entity);
    const kind = entity && this.inspected.kinds[entity.kind];
    $('entity-name').textContent = entity ? `${kind.name} ${entity.id}` : '';
    const channel = entity && this.inspected.channels[entity.channel];
    const rows = entity ? [
      ['place', entity.at ? entity.at.map(short).join(', ') : 'everywhere'],
      ['cell', channel.cell ? channel.cell.join(', ') : 'everywhere'],
      ['layer', channel.layer],
      ...(entity.owner === null ? [] : [['owner', `seat ${entity.owner}`]]),
      ...kind.fields.map(({ name, owner_only: own }, at) => [own ? `${name} (owner only)` : name, shown(entity.values[at])]),
    ] : [];
    $('fields').tBodies[0].replaceChildren(...rows.map(([name, value]) => element('tr', {}, element('td', { text: name }), element('td', { text: value }))));
  }

  showBytes(report) {
    const now = performance.now();
    const rateOf = (name, sum) => {
      if (!this.fieldRates.has(name)) this.fieldRates.set(name, new Rate(5));
      return this.fieldRates.get(name).add(sum, now);
    };
    const kinds = this.inspected?.kinds.map(({ name }) => name) ?? [];
    const all = report.field_bytes.map(({ kind, field, bytes: sum }) => {
      const place = Math.min(Math.max(kinds.indexOf(kind), 0), COLOURS - 1);
      return { name: `${kind}.${field}`, rate: rateOf(`${kind}.${field}`, sum), colour: `var(--kind-${place})` };
    });
    for (const [part, name] of PARTS) all.push({ name, rate: rateOf(name, report.part_bytes[part]), colour: 'var(--dim)' });
    const total = all.reduce((sum, bar) => sum + (bar.rate || 0), 0);
    if (!(total > 0)) {
      $('bytes-note').textContent = this.rates.bytes.seen.length < 2 ? 'measuring…' : 'nothing is sent';
      return showBars($('bytes'), []);
    }
    all.sort((a, b) => b.rate - a.rate || a.name.localeCompare(b.name));
    const bars = all.filter(bar => bar.rate > 0);
    const rest = bars.splice(BARS).reduce((sum, bar) => sum + bar.rate, 0);
    if (rest > 0) bars.push({ name: 'all others', rate: rest, colour: 'var(--dim)' });
    const most = Math.max(...bars.map(bar => bar.rate));
    $('bytes-note').textContent = `of ${rate(total)} to all players, over some seconds`;
    return showBars($('bytes'), bars.map(bar => ({
      name: bar.name,
      share: bar.rate / most,
      text: `${rate(bar.rate)} · ${short((100 * bar.rate) / total)} %`,
      colour: bar.colour,
    })));
  }

  // ---- what changes something

  nameOf(seat) {
    return this.inspected?.seats.find(other => other.seat === seat)?.name || `seat ${seat}`;
  }

  message(seat) {
    const whom = seat === null ? 'all players of this room' : this.nameOf(seat);
    confirm({
      title: seat === null ? `Message room ${this.number}` : `Message ${whom}`,
      text: `A line that ${whom} will read in the game. Nothing else changes.`,
      words: '', must: true, verb: 'Send',
      path: `${this.path}${seat === null ? '' : `/seats/${seat}`}/message`,
      done: ({ players }) => `Told ${players} ${players === 1 ? 'player' : 'players'}.`,
    });
  }

  kick() {
    const [seat, name] = [this.seat, this.nameOf(this.seat)];
    confirm({
      title: `Kick ${name}?`,
      text: `This closes the connection of ${name} in seat ${seat} of room ${this.number}, and frees the seat. ${name} may join again; to keep somebody away, ban the account or address.`,
      words: 'the operator sent you away', verb: `Kick ${name}`, danger: true,
      path: `${this.path}/seats/${seat}/kick`,
      done: () => `${name} was sent away.`,
    });
  }

  lock() {
    const locked = this.line?.locked;
    confirm({
      title: locked ? `Unlock room ${this.number}?` : `Lock room ${this.number}?`,
      text: locked ? 'People can join it again, if its game lets them.' : 'Nobody joins it any more. Who is there stays, and plays on.',
      verb: locked ? 'Unlock it' : 'Lock it',
      path: `${this.path}/${locked ? 'unlock' : 'lock'}`,
      done: () => (locked ? `Room ${this.number} is open again.` : `Room ${this.number} is locked.`),
    });
  }

  dispose() {
    const players = this.inspected?.seats_total ?? 0;
    confirm({
      title: `End room ${this.number}?`,
      text: `The room ends now, and what is in it is lost. ${players} ${players === 1 ? 'player is' : 'players are'} disconnected. This cannot be undone.`,
      words: 'the operator closed the room', verb: 'End the room', danger: true,
      path: `${this.path}/dispose`,
      done: () => { location.hash = ''; return `Room ${this.number} has ended.`; },
    });
  }
}

function shown(value) {
  if (Array.isArray(value)) return value.map(shown).join(', ');
  if (typeof value === 'number') return String(Number(value.toFixed(4)));
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  return value === null || value === undefined ? '–' : String(value);
}

// What an open dashboard costs the ticks: the same server and bots, with somebody looking and without, in turns.
//
//   node cost.mjs --server ../../target/release/tickwire --bots ../../target/release/tickwire-bots [--players 200] [--phase 10] [--rounds 5]
// Two dashboards look: one at the list of rooms, one into a room with a seat picked. They ask what the page asks, as often;
// no browser runs, and who looks yields to the server: its pictures would take the processor that the server needs. Durations are told by the server's own
// histograms, its processor time by the system (Linux). Have the machine to yourself.

import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setPriority } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { quantile } from '../../assets/dashboard/format.js';
import { Server } from './server.mjs';

const TOKEN = 'only-for-this-test-0123456789';
const WARM_S = 8;
/** Of a second of the system's clock. */
const CLOCK_TICKS = 100;

const { values } = parseArgs({
  options: {
    server: { type: 'string' }, bots: { type: 'string' }, players: { type: 'string', default: '200' },
    phase: { type: 'string', default: '10' }, rounds: { type: 'string', default: '5' },
  },
});
const [players, phaseS, rounds] = [values.players, values.phase, values.rounds].map(Number);
if (!values.server || !values.bots || !(players > 0 && phaseS > 0 && rounds > 0)) {
  console.error('usage: node cost.mjs --server PATH --bots PATH [--players N] [--phase SECONDS] [--rounds N]');
  process.exit(2);
}

const server = new Server(values.server, { flags: ['--admin-listen', '127.0.0.1:0'], env: { TICKWIRE_ADMIN_TOKEN: TOKEN } });
const game = await server.start();
await sleep(300);
const admin = `http://${/steering[^\n]*?(127\.0\.0\.1:\d+)/.exec(server.log.replace(/\x1b\[[0-9;]*m/g, ''))[1]}`;
const seconds = WARM_S + 2 * rounds * phaseS + 10;
const bots = spawn(values.bots, ['swarm', '--url', `${game.replace('http', 'ws')}/ws`, '--bots', String(players), '--seconds', String(seconds)], { stdio: 'ignore' });

// who looks sits elsewhere: here its work yields to the server's
setPriority(19);

const told = { answers: 0, bytes: 0 };

async function ask(path) {
  const answer = await fetch(admin + path, { headers: { Authorization: `Bearer ${TOKEN}` } });
  const text = await answer.text();
  told.answers += 1;
  told.bytes += text.length;
  if (!answer.ok && answer.status !== 429) throw new Error(`${path}: ${answer.status} ${text}`);
  return answer.ok ? JSON.parse(text) : null;
}

/** As long as `until`, what two pages ask; a page pauses a second after its answers. */
async function look(until, room) {
  const overview = async () => { await ask('/admin/summary'); await ask('/admin/rooms?limit=10000'); };
  const inspector = async () => {
    await ask(`/admin/rooms/${room}/inspect?limit=1000&seat=0`);
    await Promise.all([ask(`/admin/rooms/${room}`), ask(`/admin/rooms?limit=1&after=${room - 1}`)]);
  };
  await Promise.all([overview, inspector].map(async page => {
    while (performance.now() < until) {
      await page();
      await sleep(Math.max(0, Math.min(1000, until - performance.now())));
    }
  }));
}

/** Seconds of the processor that the server has had. */
function processor() {
  const fields = readFileSync(`/proc/${server.child.pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS;
}

const sums = { closed: null, open: null };
const used = { closed: 0, open: 0 };

async function phase(kind, room) {
  const [before, had] = [await ask('/admin/summary'), processor()];
  const until = performance.now() + 1000 * phaseS;
  if (kind === 'open') await look(until, room);
  else await sleep(1000 * phaseS);
  used[kind] += processor() - had;
  const after = await ask('/admin/summary');
  for (const name of ['tick_counts', 'lateness_counts']) {
    const grown = after[name].map((count, at) => count - before[name][at]);
    sums[kind] ??= {};
    sums[kind][name] = grown.map((count, at) => count + (sums[kind][name]?.[at] ?? 0));
  }
  return after.bounds_s;
}

try {
  await sleep(1000 * WARM_S);
  const { rooms } = await ask('/admin/rooms');
  const fullest = rooms.toSorted((a, b) => b.players - a.players)[0];
  console.log(`${rooms.reduce((sum, room) => sum + room.players, 0)} players in ${rooms.length} rooms, ${rounds} phases of ${phaseS} s each way`);
  Object.assign(told, { answers: 0, bytes: 0 });
  let bounds;
  for (let round = 0; round < rounds; round += 1) {
    const order = round % 2 ? ['open', 'closed'] : ['closed', 'open'];
    for (const kind of order) bounds = await phase(kind, fullest.room);
  }
  const none = bounds.map(() => 0).concat(0);
  const us = (kind, name, share) => 1e6 * quantile(bounds, none, sums[kind][name], share);
  console.log('                     closed       open     change');
  for (const [title, name] of [['tick', 'tick_counts'], ['lateness', 'lateness_counts']]) {
    for (const share of [0.5, 0.95, 0.99]) {
      const [closed, open] = [us('closed', name, share), us('open', name, share)];
      const change = (100 * (open - closed)) / closed;
      console.log(`${`${title} p${100 * share}`.padEnd(14)} ${closed.toFixed(0).padStart(9)} us ${open.toFixed(0).padStart(7)} us ${change.toFixed(1).padStart(7)} %`);
    }
  }
  const share = kind => (100 * used[kind]) / (rounds * phaseS);
  console.log(`processor      ${share('closed').toFixed(1).padStart(9)} %  ${share('open').toFixed(1).padStart(7)} %  ${(share('open') - share('closed')).toFixed(1).padStart(7)} points of one core`);
  const ticks = sums.open.tick_counts.reduce((sum, count) => sum + count, 0);
  console.log(`${ticks} ticks each way; ${told.answers} answers of ${(told.bytes / told.answers / 1000).toFixed(1)} kB on average`);
} finally {
  bots.kill('SIGKILL');
  await server.stop();
}

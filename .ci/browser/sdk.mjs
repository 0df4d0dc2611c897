// The SDK in a real browser: the page that joins any game, a recorded session, and what decoding and drawing take.
//
//   node sdk.mjs --server ../../target/release/tickwire --examples ../../target/release/examples [--shots DIR]
// Environment: CHROMIUM, the browser's path. Ends with a line `N passed, N failed`; exit code 0, 1 or 2 (could not run).

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import os from 'node:os';
import path from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { chromium } from 'playwright-core';
import { assert, check, keepShots, shoot, sum } from './checks.mjs';
import { openPage } from './players.mjs';
import { Relay } from './relay.mjs';
import { Server } from './server.mjs';
import { SESSION, inNode, replay, timed } from './session.mjs';

const UPDATES = 1000;
// a machine may be busy: what is slower than these is told, and fails nothing
const DECODE_GOAL_MS = 0.5;
const DRAWN = 500;
const FPS_GOAL = 55;
const CUTS = 20;

const { values: flags } = parseArgs({ options: { server: { type: 'string' }, examples: { type: 'string' }, shots: { type: 'string' } } });
if (!flags.server || !flags.examples) {
  console.error('usage: node sdk.mjs --server PATH --examples FOLDER [--shots DIR]');
  process.exit(2);
}

keepShots(flags.shots);

const places = page => page.evaluate(() => [...room.entities()].map(entity => ({ ...Object.fromEntries(
  room.schema.kinds.find(({ name }) => name === entity.kind).fields.map(({ name }) => [name, entity[name]])), kind: entity.kind, id: entity.id })));

async function startCoins() {
  const child = spawn(path.join(flags.examples, 'coins_page'), { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = await Promise.race([
    once(createInterface({ input: child.stdout }), 'line'),
    once(child, 'exit').then(([code]) => { throw new Error(`coins ended with ${code} at its start`); }),
  ]);
  return { child, address: /http:\S+/.exec(line)[0] };
}

async function joiningCoins(browser) {
  const { child, address } = await startCoins();
  try {
    const page = await openPage(browser);
    await page.goto(`${address}&name=Ann`);
    await page.waitForFunction(() => window.room?.own.length === 1, null, { timeout: 15_000 });
    const before = (await places(page)).find(thing => thing.id === 0);
    assert(before.at[0] === 0 && before.at[1] === 0 && before.coins === 0, `the runner begins at ${JSON.stringify(before)}`);
    await page.keyboard.down('ArrowRight');
    await page.waitForFunction(() => room.own[0].at[0] > 5, null, { timeout: 10_000 });
    await page.keyboard.up('ArrowRight');
    await shoot(page, 'minimal-coins');
    const things = await places(page);
    assert(things.length === 2 && things.every(({ kind }) => kind === 'Thing'), JSON.stringify(things));
    const columns = await page.evaluate(() => { const { at, id, length } = room.columns('Thing'); return { at: [...at], id: [...id], length, type: at.constructor.name }; });
    assert(columns.length === 2 && columns.at.length === 4 && columns.type === 'Float32Array', JSON.stringify(columns));
    const told = await page.evaluate(() => [{ go: [2, 0] }, { jump: true }, { go: 1 }, { go: ['left', 0] }].map(wish => {
      try { room.input(wish); return 'nothing'; } catch (error) { return `${error.name}: ${error.message}`; }
    }));
    assert(told[0] === 'RangeError: go[0] takes a number from -1 to 1, not 2', told[0]);
    assert(told[1] === 'TypeError: the input of coins has no field "jump"; it has go', told[1]);
    assert(told[2] === 'TypeError: go takes a list of 2 values', told[2]);
    assert(told[3] === 'RangeError: go[0] takes a whole number', told[3]);
    assert(await page.evaluate(() => room.stats.desyncs) === 0, 'desyncs');
    assert(page.troubles.length === 0, page.troubles.join('; '));
    await page.context().close();
  } finally {
    child.kill('SIGTERM');
    await once(child, 'exit');
  }
}

async function joiningArena(browser, address) {
  const page = await openPage(browser);
  await page.addInitScript(() => { window.seen = { spawn: 0, change: 0, despawn: 0, wrong: [] }; });
  await page.goto(`${address}/minimal/?game=arena&name=Ann`);
  await page.waitForFunction(() => window.room?.own.length === 1, null, { timeout: 15_000 });
  // what is drawn is what came and has not gone, whoever counts
  await page.evaluate(() => {
    const there = new Set([...room.entities()].map(({ id }) => id));
    room.onSpawn(({ id, gone }) => { seen.spawn += 1; if (there.has(id) || gone) seen.wrong.push(`${id} spawned twice`); there.add(id); });
    room.onDespawn(({ id, gone, x }) => { seen.despawn += 1; if (!there.delete(id) || !gone || typeof x !== 'number') seen.wrong.push(`${id} went twice`); });
    room.onChange('Ship', (ship, fields) => { seen.change += 1; if (fields.length === 0 || !there.has(ship.id)) seen.wrong.push(`${ship.id} changed: ${fields}`); });
    window.there = there;
  });
  await page.keyboard.down('ArrowUp');
  await page.keyboard.down(' ');
  await page.waitForFunction(() => seen.spawn > 5 && seen.despawn > 3 && seen.change > 20, null, { timeout: 20_000 });
  const state = await page.evaluate(() => ({ ...seen, there: there.size, drawn: [...room.entities()].length, ship: room.own[0].name, desyncs: room.stats.desyncs }));
  await shoot(page, 'minimal-arena');
  assert(state.wrong.length === 0, state.wrong.join('; '));
  assert(state.there === state.drawn, `${state.there} should be there, ${state.drawn} are drawn`);
  assert(state.ship === 'Ann' && state.desyncs === 0, JSON.stringify(state));
  assert(page.troubles.length === 0, page.troubles.join('; '));
  await page.context().close();
  return `${state.drawn} drawn, ${state.spawn} came, ${state.despawn} went`;
}

/** Notes in the page who came and went, and what was told twice. */
const counting = page => page.evaluate(() => {
  window.seen = { spawn: 0, despawn: 0, wrong: [], states: [] };
  window.there = new Set([...room.entities()].map(({ id }) => id));
  room.onSpawn(({ id }) => { seen.spawn += 1; if (there.has(id)) seen.wrong.push(`${id} spawned twice`); there.add(id); });
  room.onDespawn(({ id }) => { seen.despawn += 1; if (!there.delete(id)) seen.wrong.push(`${id} went twice`); });
  room.onState((state, reason, of) => seen.states.push({ state, attempt: of.attempt, due: of.retryAt - performance.now() }));
});

async function cutting(browser, address) {
  const relay = await Relay.before(address);
  const page = await openPage(browser);
  page.outage = true;
  try {
    await page.goto(`${relay.address}/minimal/?game=arena&name=Ann`);
    await page.waitForFunction(() => window.room?.own.length === 1, null, { timeout: 15_000 });
    await counting(page);
    const { seat, ship, tick } = await page.evaluate(() => ({ seat: room.seat, ship: room.own[0].id, tick: room.tick }));
    let last = tick;
    for (let i = 0; i < CUTS; i++) {
      await page.waitForTimeout(Math.random() * 150);
      if (i === CUTS - 1) relay.break();
      else relay.cut();
      await page.waitForFunction(() => room.state === 'resuming', null, { timeout: 5000 });
      if (i === CUTS - 1) {
        await page.waitForFunction(() => room.attempt > 1, null, { timeout: 10_000 });
        relay.mend();
      }
      await page.waitForFunction(tick => room.state === 'playing' && room.tick > tick, last, { timeout: 15_000 });
      last = await page.evaluate(() => room.tick);
    }
    await page.waitForTimeout(500);
    const end = await page.evaluate(() => ({ ...seen, seat: room.seat, seats: room.seats, ship: room.own[0].id, there: there.size,
      drawn: [...room.entities()].length, desyncs: room.stats.desyncs }));
    assert(end.seat === seat && end.ship === ship && end.seats === 1, `seat ${seat} with ship ${ship}, then ${JSON.stringify(end)}`);
    assert(end.wrong.length === 0, end.wrong.join('; '));
    assert(end.there === end.drawn && end.desyncs === 0, JSON.stringify(end));
    assert(end.states.filter(({ state }) => state === 'playing').length === CUTS, JSON.stringify(end.states));
    const waits = end.states.filter(({ state, due }) => state === 'resuming' && due > 8000);
    assert(waits.length === 0, JSON.stringify(waits));
    // a page that is loaded again is the same player
    await page.reload();
    await page.waitForFunction(() => window.room?.own.length === 1, null, { timeout: 15_000 });
    const again = await page.evaluate(() => ({ seat: room.seat, ship: room.own[0].id, desyncs: room.stats.desyncs }));
    assert(again.seat === seat && again.ship === ship && again.desyncs === 0, `loaded again: ${JSON.stringify(again)}`);
    // and one that is loaded after it has left is not
    await page.evaluate(() => room.leave());
    assert(await page.evaluate(() => sessionStorage.length) === 0, 'the token is still there');
    await page.context().close();
    return `${CUTS} cuts, ${end.spawn} came, ${end.despawn} went`;
  } finally {
    await relay.stop();
  }
}

/** What a tab that is duplicated does: it has a copy of the token. */
async function takingOver(browser, address) {
  const page = await openPage(browser);
  await page.goto(`${address}/minimal/?game=arena&name=Ann`);
  await page.waitForFunction(() => window.room?.own.length === 1, null, { timeout: 15_000 });
  const [seat, kept] = await page.evaluate(() => [room.seat, { ...sessionStorage }]);
  const twin = await page.context().newPage();
  await twin.addInitScript(kept => Object.assign(sessionStorage, kept), kept);
  await twin.goto(`${address}/minimal/?game=arena&name=Ann`);
  await twin.waitForFunction(() => window.room?.own.length === 1, null, { timeout: 15_000 });
  assert(await twin.evaluate(() => room.seat) === seat, 'another seat');
  await page.waitForFunction(() => room.state === 'closed', null, { timeout: 5000 });
  const reason = await page.evaluate(() => room.reason);
  assert(reason === 'this seat is played in another tab or window now', reason);
  await page.context().close();
}

async function refusals(browser, address) {
  // the server's pages may not connect elsewhere
  const page = await openPage(browser, { bypassCSP: true });
  page.outage = true;
  await page.goto(`${address}/minimal/?game=chess`);
  await page.waitForFunction(() => /hosts "arena"/.test(document.getElementById('told').textContent), null, { timeout: 10_000 });
  // nobody listens at the port of tcpmux
  await page.goto(`${address}/minimal/?game=arena&url=ws://127.0.0.1:1/ws`);
  await page.waitForFunction(() => /nobody answers at ws:\/\/127\.0\.0\.1:1\/ws/.test(document.getElementById('told').textContent), null, { timeout: 10_000 });
  await page.context().close();
}

const inPage = (page, fn, bytes, ...rest) => page.evaluate(async ([source, text, rest]) => {
  const { default: init, Client } = await import('/tickwire/wasm/tickwire_web.js');
  await init();
  return (0, eval)(`(${source})`)(Client, Uint8Array.from(atob(text), char => char.charCodeAt(0)), ...rest);
}, [fn.toString(), Buffer.from(bytes).toString('base64'), rest]);

async function record(folder, entities) {
  const file = path.join(folder, `${entities}.session`);
  await promisify(execFile)(path.join(flags.examples, 'record_session'), [String(entities), file]);
  return new Uint8Array(await readFile(file));
}

function decodeTime({ median, entities, frames, bytes }) {
  assert(entities === UPDATES, `${entities} entities`);
  const slow = median > DECODE_GOAL_MS ? `; SLOW: the goal is ${DECODE_GOAL_MS} ms` : '';
  return `median ${median.toFixed(3)} ms for a frame of ${entities} moving entities, ${Math.round(bytes / frames)} bytes${slow}`;
}

/** The plain page draws a recorded room, whose server is played back to it. */
async function drawing(browser, address, bytes) {
  const page = await openPage(browser);
  await page.routeWebSocket(/\/ws$/, socket => {
    const view = new DataView(bytes.buffer);
    const begun = performance.now();
    for (let at = 11 + bytes[10]; at < bytes.length;) {
      const end = at + 12 + view.getUint32(at + 8, true);
      const message = Buffer.from(bytes.subarray(at + 12, end));
      const due = Number(view.getBigUint64(at, true)) / 1000;
      setTimeout(() => socket.send(message), Math.max(0, due - (performance.now() - begun)));
      at = end + 8;
    }
  });
  await page.goto(`${address}/minimal/?game=crowd`);
  await page.waitForFunction(count => [...(window.room?.entities() ?? [])].length === count, DRAWN, { timeout: 10_000 });
  await page.waitForTimeout(500);
  const measured = await page.evaluate(() => new Promise(resolve => {
    const times = [];
    const { sample } = room;
    room.sample = now => { const begun = performance.now(); sample.call(room, now); times.push(performance.now() - begun); };
    let [frames, begun] = [0, performance.now()];
    requestAnimationFrame(function frame() {
      frames += 1;
      const took = performance.now() - begun;
      if (took < 4000) requestAnimationFrame(frame);
      else resolve({ fps: frames / (took / 1000), sample: times.reduce((sum, time) => sum + time, 0) / times.length, desyncs: room.stats.desyncs });
    });
  }));
  await shoot(page, 'minimal-crowd');
  await page.context().close();
  assert(measured.desyncs === 0, 'desyncs');
  const slow = measured.fps < FPS_GOAL ? `; SLOW: the goal is ${FPS_GOAL}` : '';
  return `${measured.fps.toFixed(0)} frames a second, ${measured.sample.toFixed(2)} ms of them in sample(); software rendering${slow}`;
}

async function main() {
  const server = new Server(flags.server);
  const address = await server.start();
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu', '--no-first-run'] });
  const folder = await mkdtemp(path.join(os.tmpdir(), 'tickwire-'));
  try {
    await check('the plain page joins coins, and its inputs are checked', () => joiningCoins(browser));
    await check('the plain page joins Arena, and is told what comes and goes', () => joiningArena(browser, address));
    await check('a connection that is cut comes back to its seat', () => cutting(browser, address));
    await check('a duplicated tab takes the seat over, and the first one says so', () => takingOver(browser, address));
    await check('a page says why there is no seat', () => refusals(browser, address));
    const session = new Uint8Array(await readFile(SESSION));
    await check('the recorded session in node', async () => `${replay(await inNode(), session)} messages`);
    // what is played back comes from outside of the page
    const page = await openPage(browser, { bypassCSP: true });
    await page.goto(`${address}/style.css`);
    await check('the recorded session in the browser', async () => `${await inPage(page, replay, session)} messages`);
    const crowd = await record(folder, UPDATES);
    await check('decoding in node', async () => decodeTime(timed(await inNode(), crowd, 9)));
    await check('decoding in the browser', async () => decodeTime(await inPage(page, timed, crowd, 9)));
    const drawn = await record(folder, DRAWN);
    await check(`${DRAWN} entities on screen`, () => drawing(browser, address, drawn));
  } finally {
    await browser.close();
    await server.stop();
    await rm(folder, { recursive: true });
  }
  return sum();
}

process.exitCode = await main().catch(error => {
  console.error(error.message);
  return 2;
});

// An operator at the dashboard in a real browser, while bots play.
//
//   npm ci
//   node dashboard.mjs --server ../../target/release/tickwire --bots ../../target/release/tickwire-bots [--shots DIR]
// Environment: CHROMIUM, the browser's path. Ends with a line `N passed, N failed`; exit code 0, 1 or 2 (could not run).

import { spawn } from 'node:child_process';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';
import { assert, check, keepShots, shoot, sum } from './checks.mjs';
import { openPage, openPhone } from './players.mjs';
import { Server } from './server.mjs';

const TOKEN = 'only-for-this-test-0123456789';
const BOTS = 48;
const PATIENCE = { timeout: 20_000 };
const BROWSER_ARGS = ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--disable-renderer-backgrounding', '--disable-backgrounding-occluded-windows'];
/** A player who would be more than a name, if names were markup. */
const MARKUP = '<img src=x>';

const { values: flags } = parseArgs({ options: { server: { type: 'string' }, bots: { type: 'string' }, shots: { type: 'string' } } });
if (!flags.server || !flags.bots) {
  console.error('usage: node dashboard.mjs --server PATH --bots PATH [--shots DIR]');
  process.exit(2);
}

keepShots(flags.shots);

/** Where its operator's listener is, which it says in its log. */
async function adminOf(server) {
  for (let tries = 100; tries > 0; tries -= 1) {
    const found = /steering[^\n]*?(127\.0\.0\.1:\d+)/.exec(server.log.replace(/\x1b\[[0-9;]*m/g, ''))?.[1];
    if (found) return `http://${found}`;
    await new Promise(resolve => { setTimeout(resolve, 50); });
  }
  throw new Error(`the server does not say where its admin listener is:\n${server.log}`);
}

const said = (page, id) => page.textContent(`#${id}`);
const until = (page, what, ...given) => page.waitForFunction(what, ...(given.length ? given : [null]), PATIENCE);
/** Pixels of the map that nothing is drawn on. */
const bare = page => page.evaluate(() => {
  const { width, height } = document.getElementById('map');
  const { data } = document.getElementById('map').getContext('2d').getImageData(0, 0, width, height);
  const hex = getComputedStyle(document.documentElement).getPropertyValue('--map').trim();
  const ground = [1, 3, 5].map(at => parseInt(hex.slice(at, at + 2), 16));
  let count = 0;
  for (let at = 0; at < data.length; at += 4) count += ground.every((part, of) => data[at + of] === part);
  return count / (width * height);
});

/** Rooms of other players' wishes: their seats are kept for a while, and so they run. */
async function openRooms(game) {
  const maps = ['ice', 'dust', 'harbour', 'ice', 'mill', 'dust'];
  for (const [at, map] of maps.entries()) {
    const wish = { create: { properties: { map, skill: 400 + 150 * at }, private: at === 2, hidden: at === 4 } };
    const body = JSON.stringify({ game: 'arena', seats: 1 + at, wish });
    const answer = await fetch(`${game}/api/v1/reserve`, { method: 'POST', body, headers: { 'Content-Type': 'application/json' } });
    assert(answer.ok, `a room is refused: ${await answer.text()}`);
  }
  return maps.length;
}

async function signingIn(page, admin) {
  await page.goto(admin);
  await page.waitForSelector('#signin', { ...PATIENCE, state: 'visible' });
  await shoot(page, 'dashboard-signin');
  await page.fill('#token', 'not-the-right-one-0123');
  await page.click('#token-form button');
  await until(page, () => /does not know this token/.test(document.getElementById('token-error').textContent));
  assert(page.troubles.length > 0 && page.troubles.every(text => /401/.test(text)), page.troubles.join('; '));
  page.troubles.length = 0;
  await page.fill('#token', TOKEN);
  await page.keyboard.press('Enter');
  await page.waitForSelector('#overview', { ...PATIENCE, state: 'visible' });
  assert(!page.url().includes(TOKEN), `the token is in the address: ${page.url()}`);
  await page.reload();
  await page.waitForSelector('#overview', { ...PATIENCE, state: 'visible' });
}

async function seeingRooms(page, game) {
  const others = await openRooms(game);
  await until(page, bots => {
    const cells = [...document.querySelectorAll('#rooms tbody tr')].map(({ cells }) => parseInt(cells[2].textContent, 10));
    return cells.reduce((sum, players) => sum + players, 0) >= bots;
  }, BOTS);
  // rates take two answers
  await until(page, () => /[1-9].*B\/s/.test(document.querySelector('#rooms tbody tr').cells[8].textContent));
  await until(page, () => /\d+.*(µs|ms)/.test(document.querySelectorAll('#tiles dd')[2].textContent));
  await page.waitForTimeout(5000);
  await shoot(page, 'dashboard-overview', true);
  const count = () => page.locator('#rooms tbody tr').count();
  assert(await count() === others + 1, `${await count()} rooms, not ${others + 1}`);
  assert(await page.locator('#rooms .tag:text("private")').count() === 1, 'nobody is told which one is private');
  await page.fill('#rooms-filter', 'ice');
  assert(await count() === 2, `${await count()} rooms of ice`);
  await page.fill('#rooms-filter', 'no room is called so');
  assert(await page.locator('#rooms tbody tr').count() === 0, 'the filter finds what is not there');
  await page.fill('#rooms-filter', '');
  await page.click('#rooms th button:text("Room")');
  assert(await page.getAttribute('#rooms th >> nth=0', 'aria-sort') === 'ascending', 'a click does not sort');
  return page.textContent('#rooms tbody tr >> nth=0');
}

async function openingARoom(page) {
  await page.click('#rooms tbody tr >> nth=0');
  await page.waitForSelector('#room', { ...PATIENCE, state: 'visible' });
  await until(page, () => document.querySelectorAll('#bytes .gauge').length > 3);
  assert(/\d+ entities, cells of/.test(await said(page, 'map-note')), await said(page, 'map-note'));
  const kinds = await page.$$eval('#legend button', buttons => buttons.map(button => button.textContent));
  assert(kinds.length > 2 && kinds.some(kind => /[1-9]/.test(kind)), kinds.join(', '));
  const ground = await bare(page);
  assert(ground > 0.5 && ground < 0.999, `${ground} of the map is bare`);
  await page.waitForTimeout(3000);
  await shoot(page, 'dashboard-room', true);
  return kinds.join(', ');
}

async function pickingASeat(page) {
  const before = await bare(page);
  await page.click('#seats tbody tr >> nth=0');
  await until(page, () => /holds \d+ channels in [1-9]\d* cells/.test(document.getElementById('seats-hint').textContent));
  await page.waitForTimeout(300);
  const lit = before - await bare(page);
  assert(lit > 0.005, `picking a seat lights ${lit} of the map`);
  const [, sees, of] = /so (\d+) of the (\d+) entities/.exec(await said(page, 'seats-hint'));
  assert(Number(sees) > 0 && Number(sees) < Number(of), `it sees ${sees} of ${of}`);
  await shoot(page, 'dashboard-seat', true);
  return `${sees} of ${of} entities, ${(100 * lit).toFixed(1)} % of the map`;
}

/** The fields of what is under the pointer; where a ship is, only the map knows. */
async function readingFields(page) {
  const box = await page.locator('#map').boundingBox();
  const tried = async () => {
    for (let y = 0.1; y < 1; y += 0.04) {
      for (let x = 0.1; x < 1; x += 0.03) {
        await page.mouse.move(box.x + x * box.width, box.y + y * box.height);
        const name = await said(page, 'entity-name');
        if (name) return name;
      }
    }
    throw new Error('nothing on the map can be pointed at');
  };
  const name = await tried();
  const rows = await page.$$eval('#fields tr', rows => rows.map(row => row.textContent));
  assert(rows.length > 4 && rows.some(row => /^cell-?\d/.test(row)), rows.join(' | '));
  await page.mouse.wheel(0, -600);
  await page.waitForTimeout(400);
  await shoot(page, 'dashboard-entity', true);
  await page.click('#map-fit');
  return `${name}: ${rows.length} lines`;
}

async function asking(page) {
  const picked = await page.textContent('#seats tr[aria-selected="true"] td >> nth=1');
  await page.click('#seat-kick');
  const [title, text] = [await said(page, 'confirm-title'), await said(page, 'confirm-text')];
  assert(title === `Kick ${picked}?` && text.includes('closes the connection'), `${title} ${text}`);
  await shoot(page, 'dashboard-confirm');
  await page.click('#confirm-no');
  assert(await said(page, 'toast') === '', 'it was done without a yes');
  await page.click('#seat-kick');
  await page.fill('#confirm-words', 'only a test');
  await page.click('#confirm-yes');
  await until(page, name => document.getElementById('toast').textContent === `${name} was sent away.`, picked);
  await page.click('#room-message');
  await page.click('#confirm-yes');
  assert(await said(page, 'confirm-error') === 'Say something first.', 'an empty word is sent');
  await page.fill('#confirm-words', 'we restart at noon');
  await page.keyboard.press('Enter');
  await until(page, () => /^Told \d+ players\.$/.test(document.getElementById('toast').textContent));
  await page.click('#room-lock');
  await page.click('#confirm-yes');
  await until(page, () => document.getElementById('crumb').textContent.endsWith('locked'));
  await page.click('#room-lock');
  assert((await said(page, 'confirm-title')).startsWith('Unlock'), 'a locked room is locked again');
  await page.click('#confirm-yes');
  await until(page, () => !document.getElementById('crumb').textContent.endsWith('locked'));
}

/** A player may be called anything; here the answer is changed on its way. */
async function namesAreText(page) {
  await page.route('**/inspect*', async route => {
    const answer = await route.fetch();
    const room = await answer.json();
    if (room.seats) room.seats[0].name = MARKUP;
    await route.fulfill({ response: answer, json: room });
  });
  await until(page, name => document.querySelector('#seats tbody td:nth-child(2)').textContent === name, MARKUP);
  await page.click('#seats tbody tr >> nth=0');
  await page.click('#seat-kick');
  assert((await said(page, 'confirm-title')).includes(MARKUP), 'the question names somebody else');
  await page.click('#confirm-no');
  assert(await page.locator('main img, dialog img').count() === 0, 'a name became markup');
  await page.unroute('**/inspect*');
  await page.click('#seat-none');
}

async function onAPhone(browser, admin, { dark = false } = {}) {
  const page = await openPhone(browser);
  if (dark) await page.emulateMedia({ colorScheme: 'dark' });
  await page.addInitScript(token => sessionStorage.setItem('tickwire-token', token), TOKEN);
  await page.goto(admin);
  await until(page, () => /[1-9].*B\/s/.test(document.querySelector('#rooms tbody tr')?.cells[8].textContent));
  const narrow = () => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth);
  assert(await narrow(), 'the list is wider than the phone');
  await page.waitForTimeout(2500);
  await shoot(page, 'dashboard-phone-overview', true);
  await page.tap('#rooms tbody tr >> nth=0');
  await until(page, () => document.querySelectorAll('#bytes .gauge').length > 3);
  assert(await narrow(), 'a room is wider than the phone');
  await page.tap('#seats tbody tr >> nth=0');
  await until(page, () => /holds \d+ channels/.test(document.getElementById('seats-hint').textContent));
  await page.waitForTimeout(400);
  await shoot(page, dark ? 'dashboard-phone-seat-dark' : 'dashboard-phone-seat');
  // two thumbs spread: the scale's length is less world
  await page.locator('#map').scrollIntoViewIfNeeded();
  const before = await page.getAttribute('#map-scale', 'data-length');
  const box = await page.locator('#map').boundingBox();
  const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
  const touch = await page.context().newCDPSession(page);
  const send = (type, off) => touch.send('Input.dispatchTouchEvent', {
    type, touchPoints: off ? [{ id: 1, x: x - off, y }, { id: 2, x: x + off, y }] : [],
  });
  await send('touchStart', 20);
  for (const off of [40, 70, 100, 130]) await send('touchMove', off);
  await send('touchEnd');
  await page.waitForTimeout(200);
  const after = await page.getAttribute('#map-scale', 'data-length');
  assert(Number(after) < Number(before), `spread from ${before} to ${after}`);
  await page.tap('#map-fit');
  await page.evaluate(() => scrollTo(0, 0));
  await page.waitForTimeout(300);
  await shoot(page, dark ? 'dashboard-phone-room-dark' : 'dashboard-phone-room', true);
  assert(page.troubles.length === 0, page.troubles.join('; '));
  await page.context().close();
}

async function restingUnseen(page) {
  let asked = 0;
  const count = () => { asked += 1; };
  page.on('request', count);
  await page.evaluate(() => {
    Object.defineProperty(document, 'visibilityState', { value: 'hidden', configurable: true });
    document.dispatchEvent(new Event('visibilitychange'));
  });
  await page.waitForTimeout(1500);
  asked = 0;
  await page.waitForTimeout(3000);
  assert(asked === 0, `${asked} questions while nobody looks`);
  await page.evaluate(() => {
    delete document.visibilityState;
    document.dispatchEvent(new Event('visibilitychange'));
  });
  await page.waitForTimeout(1500);
  assert(asked > 0, 'it does not go on');
  page.off('request', count);
}

async function ending(page) {
  const address = page.url();
  await page.click('#room-dispose');
  await shoot(page, 'dashboard-end');
  await page.click('#confirm-yes');
  await until(page, () => document.body.dataset.screen === 'overview');
  await until(page, () => /has ended/.test(document.getElementById('toast').textContent));
  await page.goto(address);
  await until(page, () => /has ended/.test(document.getElementById('trouble').textContent));
  assert(page.troubles.every(text => /404|willReadFrequently/.test(text)), page.troubles.join('; '));
  page.troubles.length = 0;
  await page.click('#home');
  await until(page, () => document.body.dataset.screen === 'overview' && document.getElementById('trouble').hidden);
}

async function inTheDark(browser, admin) {
  const page = await openPage(browser, { colorScheme: 'dark' });
  await page.addInitScript(token => sessionStorage.setItem('tickwire-token', token), TOKEN);
  await page.goto(admin);
  await until(page, () => /[1-9].*B\/s/.test(document.querySelector('#rooms tbody tr')?.cells[8].textContent));
  await page.waitForTimeout(3000);
  await shoot(page, 'dashboard-dark-overview', true);
  await page.click('#rooms tbody tr >> nth=0');
  await page.click('#seats tbody tr >> nth=0', PATIENCE);
  await until(page, () => document.querySelectorAll('#bytes .gauge').length > 3);
  await page.waitForTimeout(2500);
  await shoot(page, 'dashboard-dark-room', true);
  assert(page.troubles.length === 0, page.troubles.join('; '));
  await page.context().close();
}

async function withoutAToken(browser) {
  const server = new Server(flags.server, { flags: ['--admin-listen', '127.0.0.1:0'] });
  await server.start();
  try {
    const page = await openPage(browser);
    await page.goto(await adminOf(server));
    await page.waitForSelector('#untold', { ...PATIENCE, state: 'visible' });
    assert((await said(page, 'untold')).includes('TICKWIRE_ADMIN_TOKEN'), 'it does not say what to do');
    await shoot(page, 'dashboard-untold');
    await page.context().close();
  } finally {
    await server.stop();
  }
}

async function main() {
  const server = new Server(flags.server, { flags: ['--admin-listen', '127.0.0.1:0'], env: { TICKWIRE_ADMIN_TOKEN: TOKEN } });
  const game = await server.start();
  const admin = await adminOf(server);
  const bots = spawn(flags.bots, ['swarm', '--url', `${game.replace('http', 'ws')}/ws`, '--bots', String(BOTS), '--seconds', '300'], { stdio: 'ignore' });
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: BROWSER_ARGS });
  try {
    const page = await openPage(browser);
    await check('a wrong token is refused in words, the right one opens, a reload keeps it', () => signingIn(page, admin));
    await check('rooms with their players, ticks and bytes', () => seeingRooms(page, game));
    await check('a room has a map, kinds and bytes by field', () => openingARoom(page));
    await check('a seat that is picked lights up what it is sent', () => pickingASeat(page));
    await check('what is pointed at shows its fields', () => readingFields(page));
    await check('what changes something asks once more, and says what it did', () => asking(page));
    await check('a name is text', () => namesAreText(page));
    await check('nothing is asked while nobody looks', () => restingUnseen(page));
    await check('a phone sees it all', () => onAPhone(browser, admin));
    await check('a phone at night', () => onAPhone(browser, admin, { dark: true }));
    await check('in the dark', () => inTheDark(browser, admin));
    await check('a room ends', () => ending(page));
    await check('a server without a token says what to do', () => withoutAToken(browser));
    await check('no errors and no failed requests', () => {
      // looking at its pixels is this test's doing
      const troubles = page.troubles.filter(text => !/willReadFrequently/.test(text));
      assert(troubles.length === 0, troubles.join('; '));
    });
    await check('the server wrote down who steered', () => {
      const lines = server.log.replace(/\x1b\[[0-9;]*m/g, '').split('\n').filter(line => line.includes('audit: an operator steers'));
      assert(lines.length >= 5, `${lines.length} lines`);
      return `${lines.length} lines`;
    });
  } finally {
    bots.kill('SIGKILL');
    await browser.close();
    await server.stop();
  }
  return sum();
}

process.exitCode = await main().catch(error => {
  console.error(error.message);
  return 2;
});

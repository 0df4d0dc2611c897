// tickwire.1.json: the ten lines of the guide in node, and the two pages of the examples in a real browser.
//
//   node json.mjs --server ../../target/release/tickwire --examples ../../target/release/examples [--shots DIR]
// Environment: CHROMIUM, the browser's path. Ends with a line `N passed, N failed`; exit code 0, 1 or 2 (could not run).

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';
import { assert, check, keepShots, shoot, sum } from './checks.mjs';
import { openPage, openPhone } from './players.mjs';
import { Server } from './server.mjs';

const [GUIDE, README] = ['docs/json.md', 'README.md'].map(file => new URL(`../../${file}`, import.meta.url));
// before node 22 it must be asked for
const WEBSOCKET = globalThis.WebSocket ? [] : ['--experimental-websocket'];
const PATIENCE_MS = 20_000;

const { values: flags } = parseArgs({ options: { server: { type: 'string' }, examples: { type: 'string' }, shots: { type: 'string' } } });
if (!flags.server || !flags.examples) {
  console.error('usage: node json.mjs --server PATH --examples FOLDER [--shots DIR]');
  process.exit(2);
}

keepShots(flags.shots);

/** An example as a child process, at the address that it prints; a free one if none is given. */
async function startExample(name, listen = '127.0.0.1:0') {
  const child = spawn(path.join(flags.examples, name), [listen], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = await Promise.race([
    once(createInterface({ input: child.stdout }), 'line'),
    once(child, 'exit').then(([code]) => { throw new Error(`${name} ended with ${code} at its start`); }),
  ]);
  const address = /http:\S+/.exec(line)[0];
  const stop = async () => {
    const gone = once(child, 'exit');
    child.kill('SIGTERM');
    const [code] = await gone;
    assert(code === 0, `${name} ended with ${code}`);
  };
  return { address, host: new URL(address).host, stop };
}

/** The code in a text that speaks JSON. */
async function codeIn(file) {
  const blocks = [...(await readFile(file, 'utf8')).matchAll(/```js\n([^]*?)```/g)].map(([, code]) => code);
  return blocks.filter(code => code.includes("'tickwire.1.json'"));
}

async function tenLines() {
  const server = new Server(flags.server);
  const address = await server.start();
  try {
    const [inGuide, inReadme] = [await codeIn(GUIDE), await codeIn(README)];
    assert(inGuide.length > 0, 'there is no code in the guide');
    const codes = new Set([...inGuide, ...inReadme]);
    for (const code of codes) await plays(code, address);
    return `${codes.size} in ${inGuide.length + inReadme.length} places`;
  } finally {
    await server.stop();
  }
}

async function plays(code, address) {
  const lines = code.trim().split('\n').length;
  assert(code.includes('127.0.0.1:7777') && lines <= 10, `they are ${lines} lines`);
  const child = spawn(process.execPath, [...WEBSOCKET, '--input-type=module', '--eval',
    code.replace('127.0.0.1:7777', new URL(address).host)], { stdio: ['ignore', 'pipe', 'pipe'] });
  let [said, wrong] = ['', ''];
  child.stderr.on('data', chunk => { wrong += chunk; });
  const seen = new Promise((resolve, reject) => {
    child.stdout.on('data', chunk => {
      said += chunk;
      // told of its own ship, and again a second later, which has turned meanwhile
      if ((said.match(/heading/g) ?? []).length >= 2) resolve();
    });
    child.on('exit', code => reject(new Error(`it ended with ${code}: ${wrong}`)));
    setTimeout(() => reject(new Error(`it said no more than ${said}`)), PATIENCE_MS).unref();
  });
  await seen.finally(() => child.kill());
  assert(said.includes("name: 'ann'"), said);
  const headings = [...said.matchAll(/heading: ([\d.]+)/g)].map(([, heading]) => heading);
  assert(new Set(headings).size > 1, `it does not turn: ${headings}`);
}

const said = (page, words) => page.waitForFunction(words => document.getElementById('lines').innerText.includes(words), words, { timeout: PATIENCE_MS });
const connected = page => page.waitForSelector('#state.on', { timeout: PATIENCE_MS });

async function chatting(browser) {
  let chat = await startExample('chat');
  const ann = await openPage(browser, { colorScheme: 'light' });
  const bob = await openPhone(browser);
  await bob.emulateMedia({ colorScheme: 'dark' });
  await ann.goto(chat.address);
  await shoot(ann, 'chat-door');
  await ann.keyboard.type('Ann');
  await ann.keyboard.press('Enter');
  await connected(ann);
  await bob.goto(`${chat.address}?name=Bob`);
  await connected(bob);
  await said(ann, 'Bob came in');
  for (const [page, words] of [[ann, 'hello Bob, is <b>this</b> text?'], [bob, 'it is. Where does it come from?'], [ann, 'ten lines and a WebSocket']]) {
    await page.fill('#text', words);
    await page.keyboard.press('Enter');
    await Promise.all([said(ann, words), said(bob, words)]);
  }
  assert((await ann.locator('#people').innerText()).split('\n').length === 2, await ann.locator('#people').innerText());
  await shoot(ann, 'chat-light');
  await shoot(bob, 'chat-phone-dark');

  // the server goes and comes back at the same place
  ann.outage = bob.outage = true;
  const { host } = chat;
  await chat.stop();
  await ann.waitForSelector('#state.off', { timeout: PATIENCE_MS });
  await shoot(ann, 'chat-away');
  chat = await startExample('chat', host);
  await Promise.all([connected(ann), connected(bob)]);
  await bob.fill('#text', 'here again');
  await bob.keyboard.press('Enter');
  await said(ann, 'here again');
  await bob.context().close();
  await said(ann, 'Bob left');
  assert(ann.troubles.length === 0, ann.troubles.join('; '));
  await ann.context().close();
  await chat.stop();
}

async function ticking(browser) {
  const ticker = await startExample('ticker');
  const page = await openPage(browser, { colorScheme: 'dark' });
  await page.goto(ticker.address);
  await connected(page);
  await page.waitForFunction(() => document.querySelectorAll('#quotes tr').length === 12, null, { timeout: PATIENCE_MS });
  const prices = () => page.evaluate(() => [...document.querySelectorAll('td.price')].map(price => price.innerText));
  const before = await prices();
  assert(before.every(price => /^\d+\.\d\d$/.test(price)), before.join());
  await page.waitForTimeout(8_000);
  const after = await prices();
  const changed = after.filter((price, at) => price !== before[at]).length;
  assert(changed >= 6, `only ${changed} of 12 prices have changed`);
  const told = await page.locator('#rate').innerText();
  await shoot(page, 'ticker-dark');
  await page.emulateMedia({ colorScheme: 'light' });
  await page.setViewportSize({ width: 390, height: 844 });
  await shoot(page, 'ticker-phone-light');
  assert(page.troubles.length === 0, page.troubles.join('; '));
  await page.context().close();
  await ticker.stop();
  return told;
}

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] });
try {
  await check('the ten lines of the guide, and of the README, play', tenLines);
  await check('two people chat, and come back when the server does', () => chatting(browser));
  await check('prices are pushed', () => ticking(browser));
} finally {
  await browser.close();
}
process.exitCode = sum();

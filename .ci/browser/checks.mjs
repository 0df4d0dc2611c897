// What the scripts here have in common: checks that are counted and told, and pictures.

import { mkdir } from 'node:fs/promises';
import path from 'node:path';

let [passed, failed] = [0, 0];
let shots;

/** Pictures go to this folder; without one there are none. */
export function keepShots(folder) {
  shots = folder;
}

/** Runs a test, and tells whether it held, with the remark that it gives and its time. */
export async function check(name, test) {
  const begun = performance.now();
  try {
    const remark = await test();
    passed += 1;
    console.log(`ok    ${name}${remark ? ` (${remark})` : ''}, ${Math.round(performance.now() - begun)} ms`);
  } catch (error) {
    failed += 1;
    console.log(`FAIL  ${name}: ${error.message}`);
  }
}

export function assert(holds, message) {
  if (!holds) throw new Error(message);
}

/** A picture; of the `whole` page, or of what is seen of it. */
export async function shoot(page, name, whole = false) {
  if (!shots) return;
  await mkdir(shots, { recursive: true });
  await page.screenshot({ path: path.join(shots, `${name}.png`), fullPage: whole });
}

/** The last line, and the exit code. */
export function sum() {
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

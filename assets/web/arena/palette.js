// All colours that the canvas uses. The page's own are in style.css; both lean on the same ink and amber.

export const INK = '#060a14';
export const OWN = '#ffc857';
export const DANGER = '#ff5470';
export const HEAL = '#5df2a0';
export const CYAN = '#5cdcff';

/** Where the light comes from: a unit vector towards it, up, left and in front of the plane. */
export const LIGHT = { x: -0.52, y: -0.6, z: 0.61 };

const DRONE = { h: 352, s: 38 };
// Degrees for the colour numbers from 1: neighbours in number are far apart, and few are green, where eyes tell little.
const PLAYERS = [42, 205, 325, 88, 270, 20, 178, 298, 58, 228, 145, 340, 190, 250, 112];
const SHADES = 16;

/** How one of the game's colours looks on hulls, in glows and in text. */
class Paint {
  constructor(h, s) {
    this.text = `hsl(${h} ${Math.min(100, s + 5)}% 72%)`;
    this.glow = `hsl(${h} ${s}% 58%)`;
    this.hull = ramp(step => `hsl(${h} ${s * 0.72}% ${14 + 50 * step}%)`);
    this.trim = ramp(step => `hsl(${h} ${s}% ${30 + 50 * step}%)`);
  }
}

/** By the game's colour numbers; 0 is the drones' dull red. */
export const PAINTS = [new Paint(DRONE.h, DRONE.s), ...PLAYERS.map(degrees => new Paint(degrees, 92))];

const STONES = [{ h: 219, s: 26 }, { h: 20, s: 28 }, { h: 256, s: 20 }, { h: 192, s: 22 }];

/** Rock families, each a ramp from shadow to light. */
export const STONE_RAMPS = STONES.map(({ h, s }) => ramp(step => `hsl(${h} ${s * (1.25 - 0.45 * step)}% ${5 + 60 * step ** 1.35}%)`));

/** The ramp's colour for a brightness from 0 to 1. */
export function shade(ramp, brightness) {
  return ramp[Math.max(0, Math.min(SHADES - 1, Math.round(brightness * (SHADES - 1))))];
}

function ramp(colour) {
  return Array.from({ length: SHADES }, (_, step) => colour(step / (SHADES - 1)));
}

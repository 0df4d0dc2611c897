// Asteroids: each seed is one faceted stone, lit from a fixed side while it turns.

import { LIGHT, STONE_RAMPS, shade } from './palette.js';
import { seeded } from './sky.js';

const CORNERS = [7, 9, 12];
const shapes = new Map();

/** Draws in world units; `rock` has x, y, angle, radius, seed, size. */
export function drawRock(ctx, rock) {
  const shape = shapeOf(rock.seed, rock.size);
  const cos = Math.cos(rock.angle);
  const sin = Math.sin(rock.angle);
  // the light as the turned stone sees it
  const lx = LIGHT.x * cos + LIGHT.y * sin;
  const ly = LIGHT.y * cos - LIGHT.x * sin;
  ctx.save();
  ctx.transform(cos * rock.radius, sin * rock.radius, -sin * rock.radius, cos * rock.radius, rock.x, rock.y);
  ctx.fillStyle = shape.ramp[5];
  ctx.fill(shape.outline);
  for (const facet of shape.facets) {
    const lit = facet.nx * lx + facet.ny * ly + facet.nz * LIGHT.z;
    ctx.fillStyle = shade(shape.ramp, 0.06 + 0.95 * Math.max(0, lit) ** 1.3 + facet.tone);
    ctx.fill(facet.path);
  }
  ctx.lineWidth = 0.07 / Math.max(1, rock.radius * 0.6);
  ctx.strokeStyle = shape.ramp[13];
  ctx.globalAlpha *= 0.4;
  ctx.stroke(shape.outline);
  ctx.restore();
}

function shapeOf(seed, size) {
  const key = seed * 4 + size;
  let shape = shapes.get(key);
  if (!shape) shapes.set(key, shape = carve(key, CORNERS[size] ?? 9));
  return shape;
}

function carve(key, corners) {
  const random = seeded(key * 7919 + 13);
  const outer = ring(corners, random, 0.84, 1.06, 0, 0);
  const inner = ring(corners, random, 0.4, 0.74, 0.5, 0.52);
  const top = { x: (random() - 0.5) * 0.44, y: (random() - 0.5) * 0.44, z: 0.74 };
  const facets = [];
  const add = (a, b, c) => facets.push(facetOf(a, b, c, random));
  for (let i = 0; i < corners; i++) {
    const j = (i + 1) % corners;
    add(outer[i], outer[j], inner[i]);
    add(inner[i], outer[j], inner[j]);
    add(inner[i], inner[j], top);
  }
  return { outline: pathOf(outer), facets, ramp: STONE_RAMPS[Math.floor(random() * STONE_RAMPS.length)] };
}

function ring(corners, random, low, high, turn, z) {
  return Array.from({ length: corners }, (_, i) => {
    const angle = ((i + turn + (random() - 0.5) * 0.5) / corners) * Math.PI * 2;
    const r = low + (high - low) * random();
    return { x: Math.cos(angle) * r, y: Math.sin(angle) * r, z: z && z + (random() - 0.5) * 0.22 };
  });
}

function facetOf(a, b, c, random) {
  const ux = b.x - a.x, uy = b.y - a.y, uz = b.z - a.z;
  const vx = c.x - a.x, vy = c.y - a.y, vz = c.z - a.z;
  let nx = uy * vz - uz * vy, ny = uz * vx - ux * vz, nz = ux * vy - uy * vx;
  const length = (Math.hypot(nx, ny, nz) || 1) * Math.sign(nz || 1);
  nx /= length; ny /= length; nz /= length;
  return { path: pathOf([a, b, c]), nx, ny, nz, tone: (random() - 0.5) * 0.13 };
}

function pathOf(points) {
  const path = new Path2D();
  points.forEach(({ x, y }, i) => (i ? path.lineTo(x, y) : path.moveTo(x, y)));
  path.closePath();
  return path;
}

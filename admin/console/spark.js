// A line of what was measured in the last minutes.

import { drawing, set } from './dom.js';

const width = 120, height = 28;
const shortest = 30000; // ms that the whole width stands for, at least

// spark makes a sparkline: update(points, low, high, now, label) draws points [{t, v}], oldest first, between the bounds. Its width is the time
// since the first of them.
export function spark(name) {
  const line = drawing('polyline', { class: 'line', points: '' });
  const node = drawing('svg', { class: 'spark', viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': name, preserveAspectRatio: 'none' }, line);
  return {
    node,
    update(points, low, high, now, label) {
      const span = Math.max(shortest, now - (points[0]?.t ?? now));
      const at = points.map(({ t, v }) => {
        const x = width * (1 - (now - t) / span);
        const y = height - 1 - (height - 2) * Math.min(1, Math.max(0, (v - low) / (high - low)));
        return x.toFixed(1) + ',' + y.toFixed(1);
      });
      set(line, 'points', at.join(' '));
      set(node, 'aria-label', label);
    },
  };
}

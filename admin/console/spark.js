// A line of what was measured in the last minutes.

import { drawing, set } from './dom.js';

const width = 120, height = 28;

// spark makes a sparkline: update(points, low, high) draws points [{t, v}] of the last span ms between the bounds.
export function spark(name, span) {
  const line = drawing('polyline', { class: 'line', points: '' });
  const node = drawing('svg', { class: 'spark', viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': name, preserveAspectRatio: 'none' }, line);
  return {
    node,
    update(points, low, high, now, label) {
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

// What was measured of the seats of the open room, as long as this page has watched: five minutes at most.

const span = 5 * 60 * 1000; // ms
const apart = 2000;                // ms between two points that are kept

const seats = new Map(); // id → [{t, loss, jitter, mos}], oldest first

// note keeps what is new and forgets what is old, and whoever is gone.
export function note(list, now) {
  const there = new Set();
  for (const seat of list) {
    there.add(seat.id);
    const q = seat.leg?.quality;
    if (!q) continue;
    const points = seats.get(seat.id) ?? [];
    seats.set(seat.id, points);
    while (points.length > 0 && now - points[0].t > span) points.shift();
    if (points.length === 0 || now - points.at(-1).t >= apart) {
      points.push({ t: now, loss: q.loss_pct, jitter: q.jitter_ms, mos: q.mos });
    }
  }
  for (const id of seats.keys()) if (!there.has(id)) seats.delete(id);
}

// of gives the points of one seat and one measure.
export const of = (id, what) => (seats.get(id) ?? []).map((p) => ({ t: p.t, v: p[what] }));

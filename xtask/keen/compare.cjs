// What the programs of this folder share: the fixture, and how answers are compared.
'use strict';

/** The events in TIME are all but the last one: an end is no part of its time. */
exports.TIME = { start: '2024-03-04T00:00:00Z', end: '2024-03-07T00:00:00Z' };
exports.ORDERS = [
  ['2024-03-04T09:00:00.000Z', { customer: { id: 'c1' }, amount: 10, sku: 'a', tags: ['x', 'y'] }],
  ['2024-03-04T21:30:00.000Z', { customer: { id: 'c2' }, amount: 20, sku: 'b', tags: ['y'] }],
  ['2024-03-05T02:15:00.000Z', { customer: { id: 'c1' }, amount: 30, sku: 'a' }],
  ['2024-03-05T23:59:59.999Z', { customer: { id: 'c3' }, amount: 5, sku: null, tags: [] }],
  ['2024-03-07T00:00:00.000Z', { customer: { id: 'c1' }, amount: 50, sku: 'c' }],
].map(([timestamp, event]) => ({ ...event, keen: { timestamp } }));

exports.day = (number) => {
  const at = (day) => `2024-03-${String(day).padStart(2, '0')}T00:00:00.000Z`;
  return { start: at(number), end: at(number + 1) };
};

exports.only = (value, names) => Object.fromEntries(names.map((name) => [name, value[name]]));

/** The variables that the step sets for every program. */
exports.project = () => ({
  projectId: process.env.KEEN_PROJECT_ID,
  writeKey: process.env.KEEN_WRITE_KEY,
  readKey: process.env.KEEN_READ_KEY,
  masterKey: process.env.KEEN_MASTER_KEY,
});

const differences = [];
let compared = 0;

/** Remembers what is not as expected; the order of members counts. */
function same(what, found, expected) {
  compared += 1;
  const [one, other] = [JSON.stringify(found), JSON.stringify(expected)];
  if (one !== other) differences.push(`${what}\n    found    ${one}\n    expected ${other}`);
}
exports.same = same;

/** The call must be refused, and the library must understand why. */
exports.refused = async (what, code, call) => {
  try {
    same(what, await call(), `refused with ${code}`);
  } catch (error) {
    same(what, error.code || error.error_code || String(error), code);
  }
};

/** Runs the parts; tells all differences; the end is 1 when there was one. */
exports.run = async (title, parts) => {
  // The comparison must be able to fail.
  same('one value', { a: [1] }, { a: [2] });
  same('the order of members', { a: 1, b: 2 }, { b: 2, a: 1 });
  if (differences.splice(0).length !== 2) throw new Error('other values were taken for the same');
  compared = 0;
  for (const part of parts) {
    try {
      await part();
    } catch (error) {
      const told = error instanceof Error ? error.stack : JSON.stringify(error);
      differences.push(`${part.name}: ${told}`);
    }
  }
  for (const difference of differences) console.error(difference);
  console.log(`${title}: ${compared} comparisons, ${differences.length} differences`);
  process.exitCode = differences.length > 0 || compared === 0 ? 1 : 0;
};

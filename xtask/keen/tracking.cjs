// keen-tracking in Node, as it is published, against a running server: over
// plain HTTP when KEEN_BASE_URL says so, which it can be told, and over TLS.
'use strict';

const KeenTracking = require('keen-tracking');
const { ORDERS, project, refused, run, same } = require('./compare.cjs');

const address = new URL(process.env.KEEN_BASE_URL);
const client = new KeenTracking({
  ...project(),
  protocol: address.protocol.replace(':', ''),
  host: address.hostname,
  nodeRequestConfig: { port: address.port },
});

/** Resolves with what the client tells of itself next under this name. */
const told = (name) => new Promise((resolve) => client.once(name, resolve));

async function single() {
  same('one', await client.recordEvent('orders', ORDERS[0]), { created: true });
  const configured = await client.recordEvent({ collection: 'orders', event: ORDERS[1] });
  same('one, by its configuration', configured, { created: true });
  const called = await new Promise((resolve) => {
    client.recordEvent('odd names/of all sorts', { a: 1 }, (error, answer) => resolve([error && error.code, answer])).catch(() => {});
  });
  same('a slash in a name', called, ['InvalidCollectionNameError', null]);
  await refused('a bad name', 'InvalidPropertyNameError', () => client.recordEvent('orders', { 'bad.name': 1 }));
}

async function batch() {
  const answer = await client.recordEvents({ orders: [ORDERS[2], ORDERS[3], { $bad: 1 }], visits: ['u1', 'u2', 'u3', 'u4'].map(visit) });
  same('the good', answer.orders.slice(0, 2), [{ success: true }, { success: true }]);
  same('the bad', [answer.orders[2].success, answer.orders[2].error.name], [false, 'InvalidPropertyNameError']);
  same('the others', answer.visits, Array(4).fill({ success: true }));
  same('nothing', await client.recordEvents({}), {});
}

const visit = (user) => ({ user, keen: { timestamp: '2024-03-04T12:00:00+01:00' } });

async function deferred() {
  const answered = new Promise((resolve, reject) => {
    // The queue tells only of errors; the answer is seen where it is sent.
    const record = client.recordEvents;
    client.recordEvents = function (events, callback) {
      client.recordEvents = record;
      const sent = record.call(this, events, callback);
      sent.then(resolve, reject);
      return sent;
    };
  });
  const queued = told('deferEvent');
  client.deferEvent('orders', ORDERS[4]);
  same('queued', await queued, 'orders');
  client.deferEvents({ signups: ['u1', 'u2', 'u5'].map(visit), refunds: ['u2'].map(visit) });
  client.recordDeferredEvents();
  same('deferred', await answered, { orders: [{ success: true }], signups: Array(3).fill({ success: true }), refunds: [{ success: true }] });
}

async function extended() {
  client.extendEvents(() => ({ page: 'https://shop.example/cart?coupon=SPRING#top', keen: { addons: [
    { name: 'keen:url_parser', input: { url: 'page' }, output: 'parsed' },
  ] } }));
  same('extended', await client.recordEvent('pages', { seen: true }), { created: true });
}

async function refusals() {
  const other = (change) => new KeenTracking({ ...client.config, ...change });
  await refused('a wrong key', 'InvalidApiKeyError', () => other({ writeKey: 'x'.repeat(64) }).recordEvent('orders', { a: 1 }));
  await refused('a read key', 'RequestForbiddenError', () => other({ writeKey: process.env.KEEN_READ_KEY }).recordEvent('orders', { a: 1 }));
  await refused('another project', 'ResourceNotFoundError', () => other({ projectId: 'riker' }).recordEvent('orders', { a: 1 }));
}

run(`keen-tracking (Node, ${address.protocol})`, [single, batch, deferred, extended, refusals]);

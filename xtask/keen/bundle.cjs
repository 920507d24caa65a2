// The browser bundle of keen-analysis in Node, where a master key may be used
// with it: it sends more than the bundle for Node does, and over plain HTTP.
// The events are those of browser.cjs; afterwards there are none.
'use strict';

global.window = global;
global.self = global;
const { KeenAnalysis } = require('keen-analysis/dist/keen-analysis.js');
const { TIME, project, refused, run, same } = require('./compare.cjs');

const { host } = new URL(process.env.KEEN_BASE_URL);
const config = { ...project(), protocol: 'http', host };
const client = new KeenAnalysis(config);
const api_key = config.masterKey;

const ask = async (analysisType, more) => (await client.query({ analysisType, eventCollection: 'orders', timeframe: TIME, ...more })).result;

async function saved() {
  const url = client.url('queries', 'saved', 'orders-of-days');
  const query = { analysisType: 'count', eventCollection: 'orders', timeframe: TIME };
  same('said anew', (await client.put({ url, api_key, params: { query, refreshRate: 0 } })).query_name, 'orders-of-days');
  same('run', (await client.query({ savedQueryName: 'orders-of-days' })).result, 4);
  same('gone', await client.del({ url, api_key }), {});
  same('a dataset, too', await client.del({ url: client.url('datasets', 'orders-by-customer'), api_key }), {});
  await refused('not there', 'ResourceNotFoundError', () => client.get({ url, api_key }));
}

/** The same stands in the address and, as JSON, in the body. */
async function deletes() {
  const url = client.url('events', 'orders');
  const filters = [{ property_name: 'sku', operator: 'eq', property_value: 'b' }];
  await refused('not understood', 'InvalidFilterError', () => client.del({ url, api_key, params: { filters: 'sku = b' } }));
  same('still there', await ask('count'), 4);
  same('some', await client.del({ url, api_key, params: { filters, timeframe: TIME } }), {});
  same('left', await ask('select_unique', { targetProperty: 'customer.id' }), ['c1', 'c3']);
  same('in a time', await client.del({ url, api_key, timeframe: { start: TIME.start, end: '2024-03-05T00:00:00Z' } }), {});
  same('left then', await ask('sum', { targetProperty: 'amount' }), 35);
  for (const name of ['orders', 'beacons', 'pageviews', 'clicks', 'form_submissions']) {
    same(`all of ${name}`, await client.del({ url: client.url('events', name), api_key }), {});
  }
  same('nothing left', await client.get({ url: client.url('events'), api_key }), []);
}

/** The access key of the page, by what is shown of it. */
async function keys() {
  const list = () => client.get({ url: client.url('projectId', 'keys'), api_key });
  const [key, ...others] = await list();
  same('one', [key.name, others.length], ['customer c1', 0]);
  same('gone', await client.del({ url: client.url('projectId', 'keys', key.key), api_key }), {});
  same('none', await list(), []);
}

run('keen-analysis (the browser bundle in Node)', [saved, deletes, keys]);

// keen-analysis in Node, as it is published: it speaks TLS with port 443 of
// its host and nothing else, so this runs in a network namespace of its own,
// starts the server there, and trusts its authority by NODE_EXTRA_CA_CERTS.
//
//     node analysis.cjs BINARY FOLDER HOST
//
// The events are those that tracking.cjs wrote before the server was stopped.
'use strict';

const https = require('https');
const tls = require('tls');

const KeenAnalysis = require('keen-analysis');
const localQuery = require('keen-analysis/dist/node/modules/localQuery').default;
const KeenTracking = require('keen-tracking');
const { TIME, ORDERS, day, only, project, refused, run, same } = require('./compare.cjs');
const { serve } = require('./served.cjs');

const [binary, folder, host] = process.argv.slice(2);
const config = { ...project(), host };
const client = new KeenAnalysis(config);
const master = config.masterKey;

const ask = (analysisType, more) => client
  .query({ analysisType, eventCollection: 'orders', timeframe: TIME, timezone: 'UTC', ...more })
  .then((answer) => answer.result);
const get = (...path) => client.get({ url: client.url(...path), api_key: master });
const post = (params, ...path) => client.post({ url: client.url(...path), api_key: master, params });
const put = (params, ...path) => client.put({ url: client.url(...path), api_key: master, params });
const del = (more, ...path) => client.del({ url: client.url(...path), api_key: master, ...more });

/** Without its authority the server is a stranger: the trust is NODE_EXTRA_CA_CERTS'. */
async function trust() {
  const told = await new Promise((resolve) => {
    https.get({ host, path: '/3.0', ca: tls.rootCertificates }, () => resolve('trusted')).on('error', (error) => resolve(error.code));
  });
  same('a stranger', /^(UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO)/.test(told) ? 'unknown' : told, 'unknown');
}

async function metrics() {
  const expected = { sum: 65, minimum: 5, maximum: 30, average: 16.25, median: 10, countUnique: 4 };
  for (const [name, value] of Object.entries(expected)) {
    const type = name === 'countUnique' ? 'count_unique' : name;
    same(name, await ask(type, { targetProperty: 'amount' }), value);
  }
  same('count', await ask('count'), 4);
  same('percentile', await ask('percentile', { targetProperty: 'amount', percentile: 95 }), 30);
  const deviation = await ask('standard_deviation', { targetProperty: 'amount' });
  same('standard_deviation', deviation.toFixed(6), Math.sqrt(368.75 / 4).toFixed(6));
  same('select_unique', await ask('select_unique', { targetProperty: 'customer.id' }), ['c1', 'c2', 'c3']);
  same('its own zone', await ask('count', { timezone: undefined }), 4);
  same('the older form', (await client.query('count', { event_collection: 'orders', timeframe: TIME })).result, 4);
  const orders = { event_collection: 'orders', timeframe: TIME };
  const both = [client.query('count', orders), client.query('sum', { ...orders, target_property: 'amount' })];
  same('two at once', (await client.run(both)).map((answer) => answer.result), [4, 65]);
  const answer = await new KeenAnalysis({ ...config, includeMetadata: true }).query({ analysisType: 'count', eventCollection: 'orders', timeframe: TIME });
  same('metadata', [answer.result, answer.execution_metadata.events_scanned], [4, 4]);
}

async function intervalsAndGroups() {
  const daily = await ask('count', { interval: 'daily' });
  same('daily', daily.map((one) => [one.timeframe, one.value]), [[day(4), 2], [day(5), 2], [day(6), 0]]);
  const pacific = await ask('count', { interval: 'daily', timezone: 'US/Pacific' });
  same('daily elsewhere', pacific.map((one) => [one.timeframe.start, one.value]), [
    ['2024-03-03T16:00:00.000-08:00', 0], ['2024-03-04T00:00:00.000-08:00', 3],
    ['2024-03-05T00:00:00.000-08:00', 1], ['2024-03-06T00:00:00.000-08:00', 0],
  ]);
  same('groups', await ask('sum', { targetProperty: 'amount', groupBy: 'sku' }), [{ sku: 'a', result: 40 }, { sku: 'b', result: 20 }, { sku: null, result: 5 }]);
  const ordered = await ask('sum', { targetProperty: 'amount', groupBy: ['sku'], orderBy: { propertyName: 'result', direction: 'DESC' }, limit: 1 });
  same('the first', ordered, [{ sku: 'a', result: 40 }]);
  const grouped = await ask('count', { interval: 'daily', groupBy: 'sku' });
  same('groups of days', grouped.map((one) => one.value.map((group) => group.result)), [[1, 1, 0], [1, 0, 1], [0, 0, 0]]);
  const filtered = await ask('count', { filters: [{ propertyName: 'tags', operator: 'eq', propertyValue: 'y' }] });
  same('a filter', filtered, 2);
}

async function lists() {
  const all = await client.query({ analysisType: 'extraction', eventCollection: 'orders', timeframe: TIME });
  // What is null is not stored.
  const told = (event) => ({ ...only(event, ['customer', 'amount', 'tags']), sku: event.sku || undefined });
  same('an extraction', all.result.map(told), ORDERS.slice(0, 4).map(told));
  const local = await localQuery({ data: all, analysis_type: 'sum', target_property: 'amount' });
  same('asked again on this side', local.result, 65);
  const newest = await ask('extraction', { latest: 2, propertyNames: ['sku', 'amount'] });
  same('the newest two', newest.map((event) => event.amount), [5, 30]);
  const steps = ['visits', 'signups', 'refunds'].map((eventCollection) => ({ eventCollection, actorProperty: 'user' }));
  Object.assign(steps[2], { inverted: true, withActors: true });
  const funnel = await client.query({ analysisType: 'funnel', steps, timeframe: TIME });
  same('a funnel', [funnel.result, funnel.actors], [[4, 2, 1], [null, null, ['u1']]]);
  // The library writes the labels in its own way, too.
  const analyses = { orderCount: { analysisType: 'count' }, revenue: { analysisType: 'sum', targetProperty: 'amount' } };
  same('several', await ask('multi_analysis', { analyses }), { order_count: 4, revenue: 65 });
  const groups = [['c1', 2, 40], ['c2', 1, 20], ['c3', 1, 5]].map(([id, n, sum]) => ({ 'customer.id': id, order_count: n, revenue: sum }));
  same('several, of groups', await ask('multi_analysis', { analyses, groupBy: 'customer.id' }), groups);
  same('what an add-on made', (await client.query('extraction', { event_collection: 'pages', timeframe: 'this_2_days', property_names: ['parsed'] })).result, [
    { parsed: { anchor: 'top', domain: 'shop.example', path: '/cart', protocol: 'https', query_string: { coupon: 'SPRING' } } },
  ]);
}

async function refusals() {
  await refused('no timeframe', 'TimeframeDefinitionError', () => ask('count', { timeframe: undefined }));
  await refused('no collection', 'MissingParameterError', () => ask('count', { eventCollection: undefined }));
  await refused('no such function', 'ResourceNotFoundError', () => ask('guess'));
  const as = (change) => new KeenAnalysis({ ...config, masterKey: undefined, ...change }).query({ analysisType: 'count', eventCollection: 'orders', timeframe: TIME });
  await refused('a wrong key', 'InvalidApiKeyError', () => as({ readKey: 'f'.repeat(64) }));
  await refused('a write key', 'RequestForbiddenError', () => as({ readKey: config.writeKey }));
  await refused('another project', 'ResourceNotFoundError', () => as({ projectId: 'riker' }));
}

async function saved() {
  const query = { analysisType: 'sum', eventCollection: 'orders', targetProperty: 'amount', timeframe: TIME, groupBy: null };
  const definition = { refreshRate: 0, query, metadata: { displayName: 'Total', visualization: { chartType: 'metric' } } };
  const made = await put(definition, 'queries', 'saved', 'orders-total');
  const metadata = { display_name: 'Total', visualization: { chart_type: 'metric' } };
  same('made', only(made, ['query_name', 'refresh_rate', 'metadata']), { query_name: 'orders-total', refresh_rate: 0, metadata });
  same('run', (await client.query({ savedQueryName: 'orders-total' })).result, 65);
  same('run as it once was', (await client.query('saved', 'orders-total')).result, 65);
  const replaced = await put({ ...definition, refreshRate: 14400, query: { ...query, groupBy: 'sku' } }, 'queries', 'saved', 'orders-total');
  same('replaced', [replaced.refresh_rate, replaced.query.group_by], [14400, 'sku']);
  same('kept', (await client.query({ savedQueryName: 'orders-total' })).result.map((group) => group.result), [40, 20, 5]);
  // What was read may be sent back as it is.
  const read = await get('queries', 'saved', 'orders-total');
  const again = await put(read, 'queries', 'saved', 'orders-total');
  same('sent back', only(again, ['query', 'metadata', 'refresh_rate']), only(read, ['query', 'metadata', 'refresh_rate']));
  same('one of all', (await get('queries', 'saved')).map((one) => one.query_name), ['orders-total']);
  same('gone', await del({}, 'queries', 'saved', 'orders-total'), {});
  await refused('not there', 'ResourceNotFoundError', () => client.query({ savedQueryName: 'orders-total' }));
}

async function datasets() {
  const query = { analysisType: 'count', eventCollection: 'orders', timeframe: 'this_20_years', interval: 'daily', groupBy: 'sku' };
  query.filters = [{ propertyName: 'amount', operator: 'gte', propertyValue: 10 }];
  const made = await put({ displayName: 'Orders per customer', query, indexBy: 'customer.id' }, 'datasets', 'orders-by-customer');
  same('made', only(made, ['dataset_name', 'display_name', 'index_by']), { dataset_name: 'orders-by-customer', display_name: 'Orders per customer', index_by: ['customer.id'] });
  same('read', await get('datasets', 'orders-by-customer'), made);
  for (const indexBy of ['c1', { 'customer.id': 'c1' }]) {
    const { result, metadata } = await client.query({ datasetName: 'orders-by-customer', indexBy, timeframe: TIME });
    const values = result.map((one) => one.value.filter((group) => group.result > 0));
    same(`results of ${JSON.stringify(indexBy)}`, values, [[{ sku: 'a', result: 1 }], [{ sku: 'a', result: 1 }], []]);
    same('what it is of', metadata.dataset.dataset_name, 'orders-by-customer');
  }
  const older = await client.query('dataset', { name: 'orders-by-customer', index_by: 'c2', timeframe: TIME });
  same('the older form', older.result[0].value.filter((group) => group.result > 0), [{ sku: 'b', result: 1 }]);
  same('one of all', (await get('datasets')).datasets, [made]);
  same('gone', await del({}, 'datasets', 'orders-by-customer'), {});
  await refused('not there', 'ResourceNotFoundError', () => get('datasets', 'orders-by-customer'));
}

async function keys() {
  const options = {
    writes: { autofill: { customer: { id: 'c1' } } },
    queries: { filters: [{ property_name: 'customer.id', operator: 'eq', property_value: 'c1' }] },
    saved_queries: null, cached_queries: null, datasets: null,
  };
  const sent = { name: 'customer c1', isActive: true, permitted: ['queries', 'writes'], options: only(options, ['queries', 'writes']) };
  const made = await post(sent, 'projectId', 'keys');
  const members = ['name', 'is_active', 'permitted', 'options'];
  const said = { name: 'customer c1', is_active: true, permitted: ['queries', 'writes'], options };
  same('made', only(made, members), said);
  const read = await get('projectId', 'keys', made.key);
  same('read', [only(read, members), read.key === made.key], [said, false]);
  same('sent back', await post(only(read, members), 'projectId', 'keys', made.key), read);
  same('read again', await get('projectId', 'keys', read.key), read);
  same('one of all', await get('projectId', 'keys'), [read]);
  const theirs = new KeenAnalysis({ ...config, readKey: made.key });
  const count = async () => (await theirs.query({ analysisType: 'count', eventCollection: 'orders', timeframe: TIME })).result;
  same('its rows', await count(), 2);
  const tracking = new KeenTracking({ ...config, writeKey: made.key });
  const event = { amount: 7, customer: { id: 'c2', vip: true }, keen: { timestamp: '2024-03-06T00:00:00Z' } };
  same('its event, by the defaults of keen-tracking', await tracking.recordEvent('orders', event), { created: true });
  same('its stamp', (await ask('extraction', { latest: 1, propertyNames: ['customer'] })), [{ customer: { id: 'c1', vip: true } }]);
  same('revoked', (await post({}, 'projectId', 'keys', made.key, 'revoke')).is_active, false);
  await refused('used', 'InvalidApiKeyError', count);
  same('back', (await post({}, 'projectId', 'keys', made.key, 'unrevoke')).is_active, true);
  same('used again', await count(), 3);
  same('gone', await del({}, 'projectId', 'keys', made.key), {});
  await refused('used after that', 'InvalidApiKeyError', count);
}

async function schemas() {
  const { properties } = await get('events', 'orders');
  const types = { amount: 'num', 'customer.id': 'string', 'customer.vip': 'bool', tags: 'list', 'keen.timestamp': 'datetime' };
  same('one', only(properties, Object.keys(types)), types);
  const names = (await get('events')).map((one) => one.name);
  same('all', ['orders', 'pages', 'refunds', 'signups', 'visits'].every((name) => names.includes(name)), true);
  // Another name of the key: the library then writes api_key=undefined into the address.
  same('beside a wrong key', (await client.get({ url: client.url('events', 'orders'), apiKey: master })).name, 'orders');
  same('the project', (await get('projectId')).url.includes(config.projectId), true);
}

async function deletes() {
  const chosen = [{ propertyName: 'sku', operator: 'eq', propertyValue: 'b' }];
  same('some', await del({ timeframe: TIME, filters: chosen, timezone: 'US/Pacific' }, 'events', 'orders'), {});
  same('left', await ask('select_unique', { targetProperty: 'customer.id' }), ['c1', 'c3']);
  // As the reference once said it: everything in the address, encoded before.
  const filters = encodeURIComponent(JSON.stringify([{ property_name: 'sku', operator: 'eq', property_value: 'a' }]));
  const url = `${client.url('events', 'orders')}?filters=${filters}&timeframe=${encodeURIComponent(JSON.stringify(TIME))}&timezone=UTC`;
  same('some by address', await client.del({ url, api_key: master }), {});
  same('left then', await ask('select_unique', { targetProperty: 'customer.id' }), ['c1', 'c3']);
  await refused('not understood', 'InvalidFilterError', () => del({ filters: 'sku = a' }, 'events', 'orders'));
  same('still there', await ask('count'), 2);
  same('all', await del({}, 'events', 'orders'), {});
  same('nothing left', await ask('count'), 0);
  await refused('no collection', 'ResourceNotFoundError', () => get('events', 'orders'));
}

async function main() {
  const stop = await serve(binary, folder);
  const parts = [trust, metrics, intervalsAndGroups, lists, refusals, saved, datasets, keys, schemas, deletes];
  const ended = async () => same('the end of the server', await stop(), 0);
  await run('keen-analysis (Node, TLS)', [...parts, ended]);
}

main().catch((error) => {
  console.error(error.stack);
  process.exitCode = 1;
});

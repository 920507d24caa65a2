// What the page does when browser.cjs asks for it. Every function resolves
// with what the libraries told, which is compared outside.
/* global KeenTracking, KeenAnalysis, KeenDataviz, CONFIG */
'use strict';

const TIME = { start: '2024-03-04T00:00:00Z', end: '2024-03-07T00:00:00Z' };
const tracking = (more) => new KeenTracking({ ...CONFIG, requestType: 'fetch', ...more });
const analysis = (more) => new KeenAnalysis({ ...CONFIG, masterKey: undefined, ...more });
const refusal = (call) => call.then((answer) => ({ answer }), ({ error_code, status, ok, body }) => ({ error_code, status, ok, reason: Boolean(body) }));

/** Asks again until the count is there: a beacon tells nobody that it arrived. */
async function counted(eventCollection, expected, more) {
  for (let round = 0; round < 400; round += 1) {
    const { result } = await analysis().query({ analysisType: 'count', eventCollection, timeframe: 'this_2_days', ...more });
    if (result >= expected) return result;
  }
  return `never ${expected}`;
}

async function records(orders) {
  const client = tracking();
  // What a fetch resolves with is the answer itself; a callback gets what it says.
  const called = (collection, event, ...more) => new Promise((resolve) => {
    client.recordEvent(collection, event, ...more, (error, answer) => resolve(error ? { error } : answer)).catch(() => {});
  });
  const one = await called('orders', orders[0]);
  const batch = await new Promise((resolve) => {
    client.recordEvents({ orders: orders.slice(1) }, (error, answer) => resolve(error || answer));
  });
  const bad = await new Promise((resolve) => {
    client.recordEvents({ orders: [{ 'a.b': 1 }] }, (error, answer) => resolve(error || answer)).catch(() => {});
  });
  const wrong = await new Promise((resolve) => {
    const answer = tracking({ writeKey: CONFIG.readKey }).recordEvent('orders', { a: 1 });
    answer.then(async (response) => resolve([response.status, (await response.clone().json()).error_code])).catch(resolve);
  });
  return { one, batch, bad: bad.orders.map((outcome) => [outcome.success, outcome.error.name]), wrong };
}

async function beacons() {
  tracking({ requestType: 'beaconAPI' }).recordEvent('beacons', { by: 'sendBeacon', page: { title: document.title } });
  const image = await new Promise((resolve) => {
    tracking().recordEvent({ collection: 'beacons', event: { by: 'img', text: 'ÿþ?>~' }, requestType: 'img', callback: (error) => resolve(error || 'loaded') });
  });
  const refused = await new Promise((resolve) => {
    tracking({ writeKey: CONFIG.readKey }).recordEvent({ collection: 'beacons', event: { by: 'nobody' }, requestType: 'img', callback: (error) => resolve(error || 'loaded') });
  });
  const count = await counted('beacons', 2);
  const { result } = await analysis().query({ analysisType: 'extraction', eventCollection: 'beacons', timeframe: 'this_2_days', propertyNames: ['by', 'text', 'page.title'] });
  return { image, refused, count, events: result.sort((one, other) => (one.by < other.by ? -1 : 1)) };
}

/** The whole of automatic tracking: placeholders, add-ons, beacons. */
async function automatic() {
  new KeenTracking(CONFIG).initAutoTracking({ recordScrollState: false });
  document.querySelector('#offer').click();
  document.querySelector('#order').requestSubmit();
  const counts = [await counted('pageviews', 1), await counted('clicks', 1), await counted('form_submissions', 1)];
  const first = async (eventCollection) => (await analysis().query({ analysisType: 'extraction', eventCollection, timeframe: 'this_2_days' })).result[0];
  const view = await first('pageviews');
  return {
    counts, fields: (await first('form_submissions')).form.fields, clicked: (await first('clicks')).element.id, path: view.url.info.path, domain: view.url.info.domain, browser: view.tech.browser.family, address: view.ip_address,
    agent: view.user_agent === navigator.userAgent, year: view.time.utc.year === new Date().getUTCFullYear(), addons: view.keen.addons,
  };
}

const orders = (analysisType, more) => analysis().query({ analysisType, eventCollection: 'orders', timeframe: TIME, timezone: 'UTC', ...more });

async function asks() {
  const result = async (...parts) => (await orders(...parts)).result;
  return {
    count: await result('count'),
    sum: await result('sum', { targetProperty: 'amount' }),
    median: await result('median', { targetProperty: 'amount' }),
    unique: await result('select_unique', { targetProperty: 'customer.id' }),
    groups: await result('sum', { targetProperty: 'amount', groupBy: 'sku', orderBy: [{ propertyName: 'result', direction: 'DESC' }] }),
    echo: (await orders('count')).query,
    funnel: (await analysis().query({ analysisType: 'funnel', timeframe: TIME, steps: [
      { eventCollection: 'orders', actorProperty: 'customer.id' },
      { eventCollection: 'orders', actorProperty: 'customer.id', filters: [{ propertyName: 'sku', operator: 'eq', propertyValue: 'a' }] },
    ] })).result,
    refused: await refusal(analysis({ readKey: CONFIG.writeKey }).query({ analysisType: 'count', eventCollection: 'orders', timeframe: TIME })),
    wrong: await refusal(orders('count', { timeframe: 'sometime' })),
    nowhere: await refusal(analysis({ projectId: 'riker' }).query({ analysisType: 'count', eventCollection: 'orders', timeframe: TIME })),
  };
}

/** What a page may do with an access key of one customer. */
async function limited(key) {
  const client = analysis({ readKey: key });
  const ask = async (more) => (await client.query({ analysisType: 'count', eventCollection: 'orders', timeframe: TIME, ...more })).result;
  const others = [{ propertyName: 'customer.id', operator: 'eq', propertyValue: 'c2' }];
  const index = (indexBy) => client.query({ datasetName: 'orders-by-customer', indexBy, timeframe: TIME });
  const event = { customer: { id: 'c2', vip: true }, keen: { timestamp: '2024-01-01T00:00:00Z' } };
  tracking({ writeKey: key, requestType: 'beaconAPI' }).recordEvent('orders', event);
  const january = { start: '2024-01-01T00:00:00Z', end: '2024-02-01T00:00:00Z' };
  const came = await counted('orders', 1, { timeframe: january });
  return {
    count: await ask(), others: await ask({ filters: others }), came,
    stamped: (await client.query({ analysisType: 'extraction', eventCollection: 'orders', timeframe: january, propertyNames: 'customer' })).result,
    own: (await index('c1')).result.map((one) => one.value), other: await refusal(index('c2')),
    schema: await refusal(client.get({ url: client.url('events'), api_key: key })),
    saved: await refusal(client.query({ savedQueryName: 'orders-of-days' })),
  };
}

/** What needs a master key, and that a page may not hold one. */
async function rules() {
  const client = analysis({ masterKey: CONFIG.masterKey });
  const query = { analysisType: 'count', eventCollection: 'orders', timeframe: TIME };
  const put = (api_key) => refusal(client.put({ url: client.url('queries', 'saved', 'orders-count'), api_key, params: { query, refreshRate: 0 } }));
  // The same stands in the address and, as JSON, in the body.
  const filters = [{ property_name: 'sku', operator: 'eq', property_value: 'b' }];
  const del = (api_key) => refusal(client.del({ url: client.url('events', 'orders'), api_key, params: { filters, timeframe: TIME } }));
  const told = [await put(CONFIG.masterKey), await del(CONFIG.masterKey), await put(CONFIG.readKey), await del(CONFIG.readKey)];
  return { told, left: (await orders('count')).result };
}

const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));

/** What each chart must have before it is looked at. */
const MARKS = {
  '#total .keen-dataviz-metric-value': 1, '#days .c3-bar': 3, '#shares .c3-arc': 3, '#groups .c3-chart-line': 3, '#pairs .c3-bar': 3,
  '#steps svg': 1, '#events table': 1, '#kept .c3-bar': 3, '#set .c3-chart-line': 1,
};
const marks = () => Object.fromEntries(Object.keys(MARKS).map((selector) => [selector, document.querySelectorAll(selector).length]));

/** Draws a chart of each kind of answer; resolves when each has its marks. */
async function draws() {
  const draw = async (id, question, more) => new KeenDataviz({ container: `#${id}`, title: id, transition: { duration: 0 }, ...more }).render(await question);
  await draw('total', orders('sum', { targetProperty: 'amount' }), { type: 'metric' });
  await draw('days', orders('count', { interval: 'daily' }), { type: 'bar' });
  await draw('shares', orders('sum', { targetProperty: 'amount', groupBy: 'sku' }), { type: 'donut' });
  await draw('groups', orders('count', { interval: 'daily', groupBy: 'customer.id' }));
  await draw('pairs', orders('count', { groupBy: ['customer.id', 'sku'] }), { type: 'bar', stacked: true });
  const step = (sku) => ({ eventCollection: 'orders', actorProperty: 'customer.id', filters: sku && [{ propertyName: 'sku', operator: 'eq', propertyValue: sku }] });
  await draw('steps', analysis().query({ analysisType: 'funnel', timeframe: TIME, steps: [step(), step('a')] }), { type: 'funnel' });
  await draw('events', orders('extraction', { propertyNames: ['keen.timestamp', 'customer.id', 'amount'] }), { type: 'table' });
  // Its form and its title stand in the metadata of the question that was saved.
  await draw('kept', analysis().query({ savedQueryName: 'orders-of-days' }), { title: undefined });
  await draw('set', analysis().query({ datasetName: 'orders-by-customer', indexBy: 'c1', timeframe: TIME }), { type: 'line' });
  for (let round = 0; round < 600 && JSON.stringify(marks()) !== JSON.stringify(MARKS); round += 1) await frame();
  const all = (selector) => [...document.querySelectorAll(selector)];
  const text = (selector) => all(selector).map((element) => element.textContent);
  const heights = (selector) => all(selector).map((bar) => Math.round(bar.getBBox().height));
  return {
    marks: marks(), total: text('#total .keen-dataviz-metric-value'), days: heights('#days .c3-bar'), kept: heights('#kept .c3-bar'),
    shares: text('#shares .c3-chart-arc text'), titles: text('.keen-dataviz-title'), parts: text('#shares .legend-item-text'),
    lines: text('#groups .legend-item-text'), pairs: text('#pairs .c3-axis-x .tick text'), steps: text('#steps svg text'),
    head: text('#events th'), cells: text('#events td'),
  };
}

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
  const views = await counted('pageviews', 1);
  const clicks = await counted('clicks', 1);
  const { result } = await analysis().query({ analysisType: 'extraction', eventCollection: 'pageviews', timeframe: 'this_2_days' });
  const [view] = result;
  return {
    views, clicks, path: view.url.info.path, domain: view.url.info.domain, browser: view.tech.browser.family, address: view.ip_address,
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

/** Draws four charts; resolves when each has its marks. */
async function draws() {
  const chart = (id, more) => new KeenDataviz({ container: `#${id}`, title: id, transition: { duration: 0 }, ...more });
  chart('total', { type: 'metric' }).render(await orders('sum', { targetProperty: 'amount' }));
  chart('days', { type: 'bar' }).render(await orders('count', { interval: 'daily' }));
  chart('shares', { type: 'donut' }).render(await orders('sum', { targetProperty: 'amount', groupBy: 'sku' }));
  chart('groups').render(await orders('count', { interval: 'daily', groupBy: 'customer.id' }));
  const wanted = { '#total .keen-dataviz-metric-value': 1, '#days .c3-bar': 3, '#shares .c3-arc': 3, '#groups .c3-chart-line': 3 };
  const found = () => Object.fromEntries(Object.keys(wanted).map((selector) => [selector, document.querySelectorAll(selector).length]));
  for (let round = 0; round < 600 && JSON.stringify(found()) !== JSON.stringify(wanted); round += 1) await frame();
  const text = (selector) => [...document.querySelectorAll(selector)].map((element) => element.textContent);
  return {
    marks: found(), images: document.querySelectorAll('.chart svg').length,
    total: text('#total .keen-dataviz-metric-value'),
    heights: [...document.querySelectorAll('#days .c3-bar')].map((bar) => Math.round(bar.getBBox().height)),
    shares: text('#shares .c3-chart-arc text'), titles: text('.keen-dataviz-title'),
    parts: text('#shares .legend-item-text'), lines: text('#groups .legend-item-text'),
  };
}

// Keen's three browser bundles, as they are published, in a page of another
// origin than the server's: it records events, asks, and draws the answers.
//
//     node browser.cjs CHROMIUM SCREENSHOT
'use strict';

const fs = require('fs');
const http = require('http');
const path = require('path');

const { Chromium } = require('./chromium.cjs');
const { ORDERS, TIME, only, project, run, same } = require('./compare.cjs');

const [program, screenshot] = process.argv.slice(2);
const address = new URL(process.env.KEEN_BASE_URL);
const config = { ...project(), protocol: 'http', host: address.host };

const bundle = (name, file) => path.join(path.dirname(require.resolve(`${name}/package.json`)), 'dist', file);
const FILES = {
  '/': ['text/html', path.join(__dirname, 'page.html')],
  '/page.js': ['text/javascript', path.join(__dirname, 'page.js')],
  '/keen-tracking.js': ['text/javascript', bundle('keen-tracking', 'keen-tracking.min.js')],
  '/keen-analysis.js': ['text/javascript', bundle('keen-analysis', 'keen-analysis.min.js')],
  '/keen-dataviz.js': ['text/javascript', bundle('keen-dataviz', 'keen-dataviz.min.js')],
  '/keen-dataviz.css': ['text/css', bundle('keen-dataviz', 'keen-dataviz.min.css')],
};

/** The site that the page is of. */
const site = http.createServer((request, response) => {
  const { pathname } = new URL(request.url, 'http://site');
  const [type, file] = FILES[pathname] || [];
  const body = pathname === '/config.js' ? `const CONFIG = ${JSON.stringify(config)};` : file && fs.readFileSync(file);
  response.writeHead(body ? 200 : 404, { 'Content-Type': type || 'text/javascript' });
  response.end(body);
});

let browser;

async function records() {
  const found = await browser.evaluate(`records(${JSON.stringify(ORDERS)})`);
  same('one', found.one, { created: true });
  same('a batch', found.batch, { orders: Array(4).fill({ success: true }) });
  same('a bad one', found.bad, [[false, 'InvalidPropertyNameError']]);
  same('a wrong key', found.wrong, [403, 'RequestForbiddenError']);
}

async function beacons() {
  const found = await browser.evaluate('beacons()');
  same('beacons', only(found, ['image', 'refused', 'count']), { image: 'loaded', refused: 'An error occurred!', count: 2 });
  same('what they wrote', found.events, [
    { by: 'img', text: 'ÿþ?>~', page: { title: null } }, { by: 'sendBeacon', text: null, page: { title: 'Shop' } },
  ]);
}

async function automatic() {
  same('automatic tracking', await browser.evaluate('automatic()'), {
    counts: [1, 1, 1], fields: { article: 'tea' }, clicked: 'offer', path: '/', domain: '127.0.0.1', browser: 'HeadlessChrome', address: '127.0.0.1', agent: true, year: true,
  });
}

async function asks() {
  const found = await browser.evaluate('asks()');
  same('functions', only(found, ['count', 'sum', 'median', 'unique']), { count: 4, sum: 65, median: 10, unique: ['c1', 'c2', 'c3'] });
  same('groups', found.groups, [{ sku: 'a', result: 40 }, { sku: 'b', result: 20 }, { sku: null, result: 5 }]);
  same('the question in the answer', only(found.echo, ['analysis_type', 'event_collection']), { analysis_type: 'count', event_collection: 'orders' });
  same('a funnel', found.funnel, [3, 1]);
  const told = (error_code, status) => ({ error_code, status, ok: false, reason: true });
  same('a write key', found.refused, told('RequestForbiddenError', 403));
  same('a wrong time', found.wrong, told('TimeframeDefinitionError', 400));
  same('another project', found.nowhere, told('ResourceNotFoundError', 404));
}

/** Does what a page may not. */
async function rule(method, path, body) {
  const headers = { Authorization: process.env.KEEN_MASTER_KEY };
  const answer = await fetch(`${address.origin}/3.0/projects/${config.projectId}/${path}`, { method, headers, body: JSON.stringify(body) });
  same(path, answer.status, 201);
  return answer.json();
}

async function prepare() {
  const query = { analysis_type: 'count', event_collection: 'orders', timeframe: TIME, interval: 'daily' };
  const metadata = { display_name: 'Orders of each day', visualization: { chart_type: 'bar' } };
  await rule('PUT', 'queries/saved/orders-of-days', { query, metadata, refresh_rate: 14400 });
  await rule('PUT', 'datasets/orders-by-customer', { query: { ...query, timeframe: 'this_20_years' }, index_by: 'customer.id', display_name: 'Orders' });
}

async function limited() {
  const options = {
    queries: { filters: [{ property_name: 'customer.id', operator: 'eq', property_value: 'c1' }] },
    writes: { autofill: { customer: { id: 'c1' } } },
    datasets: { operations: ['retrieve'], allowed: { 'orders-by-customer': { index_by: { 'customer.id': ['c1'] } } } },
  };
  const { key } = await rule('POST', 'keys', { name: 'customer c1', is_active: true, permitted: ['queries', 'writes', 'datasets'], options });
  const forbidden = { error_code: 'RequestForbiddenError', status: 403, ok: false, reason: true };
  same('an access key', await browser.evaluate(`limited(${JSON.stringify(key)})`), {
    count: 2, others: 0, came: 1, stamped: [{ customer: { id: 'c1', vip: true } }],
    own: [1, 1, 0], other: forbidden, schema: forbidden, saved: forbidden,
  });
}

async function draws() {
  const found = await browser.evaluate('draws()');
  await browser.screenshot(screenshot);
  same('marks', found.marks, await browser.evaluate('MARKS'));
  same('the number', found.total, ['65']);
  for (const [first, second, third] of [found.days, found.kept]) {
    same('the bars', [first > 50, first === second, third], [true, true, 0]);
  }
  same('the shares', found.shares, ['61.5%', '30.8%', '7.7%']);
  same('the titles', found.titles, ['days', 'shares', 'groups', 'pairs', 'steps', 'events', 'Orders of each day', 'set']);
  same('the names of shares, groups and pairs', [found.parts, found.lines, found.pairs], [['a', 'b', 'null'], ['c1', 'c2', 'c3'], ['c1 a', 'c2 b', 'c3 null']]);
  same('the steps', found.steps, ['orders', 'orders', '3', '1']);
  same('the head of the table', found.head, ['keen.timestamp', 'customer.id', 'amount']);
  const cells = ORDERS.slice(0, 4).flatMap((event) => [event.keen.timestamp, event.customer.id, String(event.amount)]);
  same('its cells', found.cells, cells);
}

async function rules() {
  const { told, left } = await browser.evaluate('rules()');
  const expected = [['RequestForbiddenError', 403], ['RequestForbiddenError', 403], ['AdminOnlyEndpointError', 401], ['AdminOnlyEndpointError', 401]];
  same('a master key in a page, and a read key', told, expected.map(([error_code, status]) => ({ error_code, status, ok: false, reason: true })));
  same('nothing was done', left, 4);
}

async function faults() {
  // keen-tracking leaves the rejections of the two events of `records` unhandled.
  same('what the page threw, and what the browser forbade', browser.faults, Array(2).fill('Uncaught (in promise): Object'));
}

async function main() {
  await new Promise((resolve) => site.listen(0, '127.0.0.1', resolve));
  browser = new Chromium(program);
  await browser.open(`http://127.0.0.1:${site.address().port}/`);
  await run('Keen in the browser', [records, beacons, automatic, asks, prepare, draws, limited, rules, faults]);
  await browser.close();
  site.close();
}

main().catch((error) => {
  console.error(error.stack);
  process.exit(1);
});

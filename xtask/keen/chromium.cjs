// A browser without a window, told what to do over a pipe (DevTools protocol).
'use strict';

const { spawn } = require('child_process');
const fs = require('fs');
const os = require('os');
const path = require('path');

/** Nothing that the page is asked takes as long; a browser that hangs must not hold up the gate. */
const PATIENCE = 120000;

class Chromium {
  constructor(program) {
    this.profile = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-chromium-'));
    const options = ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run',
      '--window-size=700,1300', '--remote-debugging-pipe', `--user-data-dir=${this.profile}`, 'about:blank'];
    this.child = spawn(program, options, { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });
    this.ended = new Promise((resolve) => this.child.once('exit', resolve));
    process.once('exit', () => this.child.kill('SIGKILL'));
    this.number = 0;
    this.waiting = new Map();
    this.listeners = [];
    let rest = '';
    this.child.stdio[4].setEncoding('utf8').on('data', (data) => {
      const messages = (rest + data).split('\0');
      rest = messages.pop();
      messages.forEach((message) => this.#told(JSON.parse(message)));
    });
    const failed = (error) => this.waiting.forEach(({ reject }) => reject(error));
    this.child.once('error', failed);
    this.ended.then((code) => failed(new Error(`the browser ended with ${code}`)));
    setTimeout(() => failed(new Error(`the browser took more than ${PATIENCE} ms`)), PATIENCE).unref();
  }

  #told(message) {
    const call = this.waiting.get(message.id);
    if (!call) {
      this.listeners.forEach((listener) => listener(message));
      return;
    }
    this.waiting.delete(message.id);
    if (message.error) call.reject(new Error(`${call.method}: ${message.error.message}`));
    else call.resolve(message.result);
  }

  call(method, params = {}) {
    this.number += 1;
    const message = { id: this.number, method, params, sessionId: this.session };
    return new Promise((resolve, reject) => {
      this.waiting.set(message.id, { method, resolve, reject });
      this.child.stdio[3].write(`${JSON.stringify(message)}\0`);
    });
  }

  /** Resolves with the parameters of the next event of this name. */
  next(name) {
    return new Promise((resolve) => this.listeners.push(({ method, params }) => method === name && resolve(params)));
  }

  /** Opens a page in a tab of its own; `faults` gathers what it throws and what the browser forbids it. */
  async open(url) {
    this.faults = [];
    const { targetId } = await this.call('Target.createTarget', { url: 'about:blank' });
    this.session = (await this.call('Target.attachToTarget', { targetId, flatten: true })).sessionId;
    this.listeners.push(({ method, params }) => {
      const { exception, text } = params?.exceptionDetails || {};
      if (method === 'Runtime.exceptionThrown') this.faults.push(`${text}: ${exception?.description}`);
      if (method === 'Log.entryAdded' && params.entry.level === 'error' && params.entry.source !== 'network') this.faults.push(params.entry.text);
    });
    for (const domain of ['Runtime', 'Log', 'Page']) await this.call(`${domain}.enable`);
    const loaded = this.next('Page.loadEventFired');
    await this.call('Page.navigate', { url });
    await loaded;
  }

  /** The value that an expression of the page resolves with. */
  async evaluate(expression) {
    // What is no Error loses its members on the way, so it is told as text.
    const told = `Promise.resolve(${expression}).catch((error) => { throw error instanceof Error ? error : new Error(JSON.stringify(error)); })`;
    const { result, exceptionDetails } = await this.call('Runtime.evaluate', { expression: told, awaitPromise: true, returnByValue: true });
    if (!exceptionDetails) return result.value;
    throw new Error(`${expression}: ${exceptionDetails.exception?.description || exceptionDetails.text}`);
  }

  async screenshot(file) {
    const { data } = await this.call('Page.captureScreenshot', { format: 'png', captureBeyondViewport: true });
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, Buffer.from(data, 'base64'));
  }

  async close() {
    this.session = undefined;
    await Promise.race([this.call('Browser.close'), this.ended]);
    await this.ended;
    fs.rmSync(this.profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

exports.Chromium = Chromium;

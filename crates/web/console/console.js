// What pages gain by a script. Without it every page works all the same.
'use strict';
(() => {
  const zone = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });
  const toTheSecond = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
  const { timeZone } = zone.resolvedOptions();

  // A moment that is typed is the reader's; the form sends it in UTC, in a field beside it.
  const wholeMinutes = (moment) => moment.toISOString().slice(0, 16);
  const asTyped = (moment) => wholeMinutes(new Date(moment.getTime() - moment.getTimezoneOffset() * 60000));
  const take = (input) => {
    const typed = input.value ? new Date(input.value) : null;
    if (input.value === input.dataset.shown) return;
    input.dataset.shown = input.value;
    input.nextElementSibling.value = typed && !Number.isNaN(typed.getTime()) ? wholeMinutes(typed) : input.value;
  };
  const takeOver = (input) => {
    const sent = document.createElement('input');
    sent.type = 'hidden';
    sent.name = input.name;
    sent.value = input.value;
    input.removeAttribute('name');
    input.after(sent);
    const moment = new Date(`${input.value}Z`);
    if (!Number.isNaN(moment.getTime())) input.value = asTyped(moment);
    input.dataset.shown = input.value;
    for (const event of ['input', 'change']) input.addEventListener(event, () => take(input));
    for (const word of document.querySelectorAll(`[data-zone-of="${input.id}"]`)) word.textContent = `In your zone, ${timeZone}.`;
  };

  // Times in the reader's zone, buttons that need a script, and a focus that follows.
  const dress = (root) => {
    for (const time of root.querySelectorAll('time[datetime]')) {
      const moment = new Date(time.dateTime);
      if (!Number.isNaN(moment.getTime())) {
        time.title = time.dateTime;
        time.textContent = (time.classList.contains('exact') ? toTheSecond : zone).format(moment);
      }
    }
    for (const input of root.querySelectorAll('input[data-utc][name]')) takeOver(input);
    if (navigator.clipboard) {
      for (const button of root.querySelectorAll('button[data-copy]')) button.hidden = false;
    }
    for (const button of root.querySelectorAll('button[data-print], button[data-download]')) button.hidden = false;
    // Pages do not know under which address the server is reached; browsers do.
    for (const copy of root.querySelectorAll('.copy')) locate(copy);
    for (const word of root.querySelectorAll('[data-unlocated]')) word.hidden = true;
    for (const link of root.querySelectorAll('[data-link]')) link.textContent = location.origin + link.dataset.link;
    // Without a script the browser goes to the answer; with one, `afterSettle` does where that is needed.
    for (const button of root.querySelectorAll('button[formaction$="#answer"]')) button.removeAttribute('formaction');
    // What an invitation's link has behind its # was sent nowhere.
    const invitation = root.querySelector('input[name=invitation]');
    if (invitation && location.hash.length > 1) {
      invitation.value = location.hash.slice(1);
      history.replaceState(null, '', location.pathname);
      for (const link of root.querySelectorAll('a[data-invitation]')) link.hash = invitation.value;
    }
  };

  // Lines to copy name this server where they left its address open.
  const located = (text) => text
    .replaceAll('$TIDEGATE_URL', location.origin)
    .replaceAll('${process.env.TIDEGATE_URL}', location.origin)
    .replaceAll('os.environ["TIDEGATE_URL"] + "', `"${location.origin}`)
    .replaceAll('https://tidegate.example', location.origin);
  const locate = (copy) => {
    for (const code of copy.querySelectorAll('code')) {
      const text = located(code.textContent);
      if (text !== code.textContent) code.textContent = text;
    }
    for (const button of copy.querySelectorAll('button[data-copy]')) button.dataset.copy = located(button.dataset.copy);
  };

  // A text as a file, made here: nothing of it is sent anywhere.
  const save = (name, text) => {
    const link = document.createElement('a');
    link.href = URL.createObjectURL(new Blob([`${text}\n`], { type: 'text/plain' }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };

  document.addEventListener('click', async (event) => {
    const button = event.target.closest('button[data-copy], button[data-print], button[data-download]');
    if (!button) return;
    if ('print' in button.dataset) return window.print();
    if ('download' in button.dataset) return save(button.dataset.download, button.dataset.text);
    const label = button.textContent;
    try {
      await navigator.clipboard.writeText(('isLink' in button.dataset ? location.origin : '') + button.dataset.copy.trim());
      button.textContent = 'Copied';
    } catch {
      button.textContent = 'Select it and copy';
    }
    setTimeout(() => { button.textContent = label; }, 2000);
  });

  // What is shown once is in the first answer: a second click does not ask for another one.
  const sent = new WeakSet();
  document.addEventListener('submit', (event) => {
    const form = event.target;
    // What a browser put back into the form by itself was typed, too.
    for (const input of form.querySelectorAll('input[data-utc]')) take(input);
    if (!form.elements.namedItem('once')) return;
    if (sent.has(form)) {
      event.preventDefault();
      event.stopImmediatePropagation();
    }
    sent.add(form);
  }, true);
  // Where no answer came, or somebody is back at the page, it may be sent again.
  document.addEventListener('htmx:afterRequest', (event) => sent.delete(event.detail.elt));
  window.addEventListener('pageshow', (event) => {
    if (event.persisted) for (const form of document.forms) sent.delete(form);
  });

  // How much of a file is sent.
  document.addEventListener('htmx:xhr:progress', (event) => {
    const bar = event.target.querySelector?.('progress');
    if (!bar || !event.detail.lengthComputable || event.detail.total < 1) return;
    bar.hidden = false;
    bar.max = event.detail.total;
    bar.value = event.detail.loaded;
  });

  // A part of a page that is exchanged: what answers without it is another page. Whoever is not
  // signed in any more signs in; else the part stays as it was.
  let isStale = false;
  // Where somebody scrolled to stays. So does the focus by itself, where it has an id; else it
  // stays in the part.
  let scrolled = [];
  let held = null;
  document.addEventListener('htmx:afterSwap', () => {
    for (const [id, left, top] of scrolled) document.getElementById(id)?.scrollTo(left, top);
    scrolled = [];
  });
  document.addEventListener('htmx:beforeSwap', (event) => {
    const part = event.detail.target;
    if (!part.id || !('part' in part.dataset)) return;
    if (event.detail.serverResponse.includes(`id="${part.id}"`)) {
      if (isStale) say('', false);
      isStale = false;
      held = part.contains(document.activeElement) ? part.id : null;
      scrolled = [...part.querySelectorAll('.scroll[id]')].map((one) => [one.id, one.scrollLeft, one.scrollTop]);
      return;
    }
    event.detail.shouldSwap = false;
    const isOut = event.detail.xhr.responseURL.includes('/console/sign-in');
    // What is typed into a form comes along when that is sent, and is lost by a page that is loaded anew.
    if (isOut && !part.closest('form')) return location.reload();
    isStale = true;
    say(isOut ? 'You are not signed in any more. What you typed is kept: send it, and sign in.'
      : 'The server did not answer this now. What you see is from before.', false);
  });

  // A connection that is lost is said, tried again, and said to be back.
  let trying = null;
  const say = (text, isBack) => {
    const line = document.getElementById('connection');
    if (!line) return;
    line.textContent = text;
    line.hidden = !text;
    line.classList.toggle('is-back', isBack);
  };
  const lost = () => {
    say('No connection to the server. What you typed is kept; trying again…', false);
    if (trying) return;
    trying = setInterval(async () => {
      try {
        await fetch(document.querySelector('link[rel=icon]').href, { method: 'HEAD', cache: 'no-store' });
      } catch {
        return;
      }
      clearInterval(trying);
      trying = null;
      say('The connection is back. What you sent may have been done: look before you send it again.', true);
      setTimeout(() => say('', false), 10000);
    }, 2000);
  };
  document.addEventListener('htmx:sendError', lost);
  // Slow is not gone: whoever is told of no connection sends it again.
  document.addEventListener('htmx:timeout', () => {
    say('The server has no answer yet, and this page does not wait longer. What you typed is kept: look whether it was done before you send it again.', false);
  });
  window.addEventListener('offline', lost);

  // The fields that a part of a form is refused for, where the part comes without its form.
  const mark = () => {
    for (const part of document.querySelectorAll('form [data-wrong]')) {
      const wrong = part.dataset.wrong.split(' ');
      for (const field of part.closest('form').querySelectorAll('.choose [name]')) {
        const isWrong = wrong.includes(field.name);
        if (isWrong === (field.getAttribute('aria-invalid') === 'true')) continue;
        if (isWrong) {
          field.setAttribute('aria-invalid', 'true');
          field.setAttribute('aria-describedby', 'fault');
        } else for (const name of ['aria-invalid', 'aria-describedby']) field.removeAttribute(name);
      }
      // The part says it, too, and says it anew.
      if (!wrong.some((name) => /^([fov]\d|filters$)/.test(name))) {
        document.getElementById('e-filters')?.remove();
        document.querySelector('.conditions[aria-describedby]')?.removeAttribute('aria-describedby');
      }
    }
  };

  document.addEventListener('htmx:afterSettle', (event) => {
    dress(document);
    mark();
    if (held && document.activeElement === document.body) {
      const part = document.getElementById(held);
      part?.querySelector('a[href], button, input:not([type=hidden]), select, textarea, [tabindex]')?.focus({ preventScroll: true });
    }
    held = null;
    if (event.detail.elt !== document.body) return;
    // As after a page that was loaded anew: what is wrong first, else the top.
    const wrong = document.querySelector('[aria-invalid=true]');
    if (wrong) wrong.focus();
    else {
      // Where the answer stands below its question, it is what somebody came for.
      const answer = matchMedia('(max-width: 68rem)').matches && document.querySelector('#answer > h2');
      if (answer) answer.scrollIntoView();
      else window.scrollTo(0, 0);
      document.getElementById('main')?.focus({ preventScroll: true });
    }
  });
  dress(document);
  document.querySelector('[aria-invalid=true]')?.focus();
})();

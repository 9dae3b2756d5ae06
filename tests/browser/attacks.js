// What a page can make a browser send. These functions run in the page.

/**
 * Every way by which a page can send an action, each with whether it can carry a body (`form`,
 * `json`) or only an address (`get`).
 */
export const WAYS = {
  'fetch, a form': 'form',
  'fetch, a form, no-cors': 'form',
  'fetch, a form with credentials': 'form',
  'fetch, a form that outlives the page': 'form',
  'fetch, JSON with a target': 'json',
  'fetch, JSON': 'json',
  'fetch, text/plain, no-cors': 'form',
  'fetch, a GET': 'get',
  'fetch, a GET, no-cors': 'get',
  'fetch, a PUT': 'form',
  'fetch in a worker': 'form',
  XMLHttpRequest: 'form',
  sendBeacon: 'form',
  'a form element': 'form',
  'a form element, text/plain': 'form',
  'a form element, multipart': 'form',
  'a form element, GET': 'get',
  'an image': 'get',
  'an image without a referrer': 'get',
  'a script': 'get',
  'a module': 'get',
  'a style sheet': 'get',
  'a video': 'get',
  'an object': 'get',
  'a frame': 'get',
  'a prefetch': 'get',
  'an EventSource': 'get',
  'a WebSocket': 'get',
  'a window': 'get',
};

/** Sends one action in one way, and tells what the page could read of the answer. */
export function send({ way, target, parameters, action, input }) {
  const form = new URLSearchParams(parameters).toString();
  const address = `${target}&${form}`;
  const read = (sent) => sent.then((answer) => answer.text(), () => '');
  const forms = { 'Content-Type': 'application/x-www-form-urlencoded' };
  const post = (more) => read(fetch(target, { method: 'POST', headers: forms, body: form, ...more }));
  const add = (name, attributes) => {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    document.body.append(element);
    return '';
  };
  const submit = (attributes) => {
    const frame = `f${Math.random()}`;
    add('iframe', { name: frame });
    const element = document.createElement('form');
    const get = attributes.method === 'GET';
    Object.assign(element, { action: target, target: frame, ...attributes });
    const fields = new URLSearchParams(get ? address.split('?')[1] : form);
    for (const [name, value] of fields) {
      const field = document.createElement('input');
      Object.assign(field, { type: 'hidden', name, value });
      element.append(field);
    }
    document.body.append(element);
    element.submit();
    return '';
  };
  switch (way) {
    case 'fetch, a form': return post({});
    case 'fetch, a form, no-cors': return post({ mode: 'no-cors' });
    case 'fetch, a form with credentials': return post({ credentials: 'include' });
    case 'fetch, a form that outlives the page': return post({ keepalive: true });
    case 'fetch, JSON with a target': {
      const type = 'application/x-amz-json-1.0';
      const headers = { 'Content-Type': type, 'X-Amz-Target': `AmazonSQS.${action}` };
      return post({ headers, body: JSON.stringify(input) });
    }
    case 'fetch, JSON':
      return post({ headers: { 'Content-Type': 'application/x-amz-json-1.0' }, body: JSON.stringify(input) });
    case 'fetch, text/plain, no-cors':
      return post({ mode: 'no-cors', headers: { 'Content-Type': 'text/plain' } });
    case 'fetch, a GET': return read(fetch(address));
    case 'fetch, a GET, no-cors': return read(fetch(address, { mode: 'no-cors' }));
    case 'fetch, a PUT': return post({ method: 'PUT' });
    case 'fetch in a worker': {
      const options = JSON.stringify({ method: 'POST', headers: forms, body: form });
      const source = `fetch(${JSON.stringify(target)}, ${options}).then((it) => it.text()).then(postMessage, () => postMessage(''))`;
      const worker = new Worker(URL.createObjectURL(new Blob([source])));
      return new Promise((resolve) => {
        worker.onmessage = (event) => resolve(event.data);
        worker.onerror = () => resolve('');
      });
    }
    case 'XMLHttpRequest':
      return new Promise((resolve) => {
        const request = new XMLHttpRequest();
        request.open('POST', target);
        request.setRequestHeader('Content-Type', forms['Content-Type']);
        request.onloadend = () => resolve(request.responseText);
        request.send(form);
      });
    case 'sendBeacon':
      navigator.sendBeacon(target, new URLSearchParams(parameters));
      return '';
    case 'a form element': return submit({ method: 'POST' });
    case 'a form element, text/plain': return submit({ method: 'POST', enctype: 'text/plain' });
    case 'a form element, multipart':
      return submit({ method: 'POST', enctype: 'multipart/form-data' });
    case 'a form element, GET': return submit({ method: 'GET' });
    case 'an image': return add('img', { src: address });
    case 'an image without a referrer':
      return add('img', { src: address, referrerpolicy: 'no-referrer' });
    case 'a script': return add('script', { src: address });
    case 'a module': return import(address).then(String, () => '');
    case 'a style sheet': return add('link', { rel: 'stylesheet', href: address });
    case 'a video': return add('video', { src: address });
    case 'an object': return add('object', { data: address });
    case 'a frame': return add('iframe', { src: address });
    case 'a prefetch': return add('link', { rel: 'prefetch', href: address });
    case 'an EventSource':
      return new Promise((resolve) => {
        const source = new EventSource(address);
        source.onmessage = (event) => resolve(event.data);
        source.onerror = () => {
          source.close();
          resolve('');
        };
      });
    case 'a WebSocket':
      return new Promise((resolve) => {
        const socket = new WebSocket(address.replace(/^http/, 'ws'));
        socket.onmessage = (event) => resolve(event.data);
        socket.onclose = () => resolve('');
      });
    case 'a window':
      window.open(address);
      return '';
    default: throw new Error(`nothing is called ${way}`);
  }
}

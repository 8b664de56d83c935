/* "The verdict is wrong": what a person says of it, sent with the video. */
import {make} from './element.js';
import {Problem, send} from './service.js';

const MOST_WORDS = 2000;

function choice(value, words) {
  return make('label', {}, make('input', {type: 'radio', name: 'label', value, required: true}), ` ${words}`);
}

function formOf(values, job, file) {
  const form = new FormData(); /* small fields first: the service has read them when the video comes */
  form.append('label', values.get('label'));
  form.append('comment', values.get('comment'));
  form.append('job', job);
  form.append('video', file, file.name);
  return form;
}

export function feedbackForm(job, file, said) {
  const button = make('button', {type: 'submit'}, 'Send with the video'), state = make('p', {});
  const form = make('form', {class: 'feedback'},
    make('fieldset', {}, make('legend', {}, 'What it really is'), choice('0', 'Real: filmed by a camera'), choice('1', 'AI-generated')),
    make('label', {}, 'How you know ', make('textarea', {name: 'comment', rows: 3, maxlength: MOST_WORDS})),
    make('p', {class: 'soft'}, 'This sends the video once more. The service keeps it with your words, and trusts neither until a person has looked at them.'), make('p', {}, button), state);
  const tell = words => said(state.textContent = words);
  form.addEventListener('submit', async event => {
    event.preventDefault();
    const body = formOf(new FormData(form), job, file);
    button.disabled = true;
    tell('Sending …');
    try {
      await send('/feedback', body, new AbortController().signal, share => (state.textContent = `Sending: ${Math.round(100 * share)} %`));
      form.querySelectorAll('input, textarea').forEach(field => (field.disabled = true));
      tell('Thank you. It is kept until it is reviewed.');
    } catch (error) {
      button.disabled = false;
      tell(error instanceof Problem ? `Not sent. ${error.message}` : 'Not sent: the page failed.');
    }
  });
  return make('details', {class: 'wrong'}, make('summary', {}, 'The verdict is wrong'), form);
}

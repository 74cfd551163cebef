/* What every page can do a little better with JavaScript; nothing here is needed to finish a purchase. */
(function () {
  'use strict'

  function announce (text) {
    const place = document.getElementById('announcer')
    if (!place) return
    place.textContent = ''
    window.setTimeout(function () { place.textContent = text }, 50)
  }

  // Copy buttons: hidden in the page, shown where the browser can copy.
  function legacyCopy (text) {
    const area = document.createElement('textarea')
    area.value = text
    area.setAttribute('readonly', '')
    area.className = 'visually-hidden'
    document.body.appendChild(area)
    area.select()
    const done = document.execCommand('copy')
    area.remove()
    return done ? Promise.resolve() : Promise.reject(new Error('not copied'))
  }

  function write (text) {
    // Without TLS the clipboard API is missing, and a portal may be tried out on plain http first.
    return navigator.clipboard && window.isSecureContext ? navigator.clipboard.writeText(text) : legacyCopy(text)
  }

  function selectText (element) {
    const range = document.createRange()
    range.selectNodeContents(element)
    const selection = window.getSelection()
    selection.removeAllRanges()
    selection.addRange(range)
  }

  function copy (button) {
    const source = button.parentElement.querySelector('[data-copy-text]')
    const word = button.querySelector('[data-copy-word]')
    write(source.textContent).then(function () {
      const before = word.dataset.before || word.textContent
      word.dataset.before = before
      word.textContent = button.dataset.copied
      button.setAttribute('data-done', '')
      announce(button.dataset.copied)
      window.setTimeout(function () {
        word.textContent = before
        button.removeAttribute('data-done')
      }, 2000)
    }, function () { selectText(source) })
  }

  // Show password: a word, not an eye, so that nobody has to guess.
  function addReveal (input) {
    if (input.parentElement.classList.contains('with-reveal')) return
    const words = document.body.dataset
    const box = document.createElement('div')
    box.className = 'with-reveal'
    input.replaceWith(box)
    const button = document.createElement('button')
    button.type = 'button'
    button.className = 'reveal'
    button.textContent = words.show
    button.setAttribute('aria-controls', input.id)
    button.setAttribute('aria-label', words.showLabel)
    button.setAttribute('aria-pressed', 'false')
    button.addEventListener('click', function () {
      const shown = input.type === 'text'
      input.type = shown ? 'password' : 'text'
      button.textContent = shown ? words.show : words.hide
      button.setAttribute('aria-pressed', String(!shown))
    })
    box.append(input, button)
  }

  function enhance (root) {
    root.querySelectorAll('[data-copy][hidden]').forEach(function (button) { button.hidden = false })
    root.querySelectorAll('input[data-reveal]').forEach(addReveal)
  }

  document.addEventListener('click', function (event) {
    const button = event.target.closest('[data-copy]')
    if (button) copy(button)
    const print = event.target.closest('[data-print]')
    if (print) window.print()
    document.querySelectorAll('details[data-menu][open]').forEach(function (menu) {
      if (!menu.contains(event.target)) menu.open = false
    })
  })

  document.addEventListener('keydown', function (event) {
    if (event.key !== 'Escape') return
    document.querySelectorAll('details[data-menu][open]').forEach(function (menu) {
      menu.open = false
      menu.querySelector('summary').focus()
    })
  })

  // A form that was sent is not sent twice by a nervous double click; the button's own name still goes along.
  document.addEventListener('submit', function (event) {
    const form = event.target
    if (event.defaultPrevented || form.dataset.guard === 'off' || form.method !== 'post' || form.matches('[hx-post]')) return
    if (form.dataset.sent) {
      event.preventDefault()
      return
    }
    form.dataset.sent = '1'
    const button = event.submitter
    if (button) button.setAttribute('aria-busy', 'true')
    // A download leaves the page standing; after a while the form may be used again.
    window.setTimeout(function () { release(form) }, 8000)
  })

  function release (form) {
    delete form.dataset.sent
    form.querySelectorAll('[aria-busy]').forEach(function (button) { button.removeAttribute('aria-busy') })
  }

  window.addEventListener('pageshow', function () { document.querySelectorAll('form[data-sent]').forEach(release) })

  // A passkey that was refused or cancelled says so beside its button instead of in the console.
  document.addEventListener('allauth.error', function (event) {
    const note = document.querySelector('[data-passkey-problem]')
    if (!note) return
    event.preventDefault()
    note.hidden = false
    announce(note.textContent.trim())
  })

  document.addEventListener('htmx:load', function (event) { enhance(event.target) })
  enhance(document)
  const problem = document.querySelector('[data-focus]')
  if (problem) problem.focus()
})()

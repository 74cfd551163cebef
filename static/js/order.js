/* The order page: `Add www.example.com` writes the name into the field instead of sending the form. */
(function () {
  'use strict'

  document.addEventListener('click', function (event) {
    const button = event.target.closest('[data-add-name]')
    const names = document.querySelector('[data-order-names]')
    if (!button || !names) return
    event.preventDefault()
    const typed = names.value.trimEnd()
    names.value = (typed ? typed + '\n' : '') + button.dataset.addName
    names.dispatchEvent(new Event('input', { bubbles: true }))
    names.focus()
  })
})()

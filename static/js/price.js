/*
The live price of the order page. It only foretells: the server counts again and its figure is the one that is paid.

<form data-price data-currency="EUR" data-digits="2" data-included="1">
  term    option or radio, each with data-base="4900" data-extra="1200" data-extra-wildcard="3900" (minor units; wildcard falls back to extra)
  names   [data-price-names]: a textarea with one name per line, or several inputs
  total   [data-price-total]   its count of names: [data-price-count]   the part for extra names: [data-price-extra]
*/
(function () {
  'use strict'

  function names (form) {
    const found = new Set()
    form.querySelectorAll('[data-price-names]').forEach(function (input) {
      input.value.toLowerCase().split(/[\s,;]+/).forEach(function (name) {
        const clean = name.replace(/\.$/, '')
        if (clean) found.add(clean)
      })
    })
    return Array.from(found)
  }

  function term (form) {
    const chosen = form.querySelector('input[data-base]:checked') || form.querySelector('option[data-base]:checked')
    if (!chosen) return null
    const extra = Number(chosen.dataset.extra || 0)
    return { base: Number(chosen.dataset.base), extra, wildcard: Number(chosen.dataset.extraWildcard || extra) }
  }

  function extras (list, included, price) {
    // The dearest names count as included last: the same rule as on the server.
    const prices = list.map(function (name) { return name.startsWith('*.') ? price.wildcard : price.extra })
    prices.sort(function (a, b) { return b - a })
    return prices.slice(included).reduce(function (sum, one) { return sum + one }, 0)
  }

  function show (form, selector, text) {
    form.querySelectorAll(selector).forEach(function (place) {
      if (place.textContent !== text) place.textContent = text
    })
  }

  function update (form) {
    const price = term(form)
    if (!price) return
    const digits = Number(form.dataset.digits || 2)
    const format = new Intl.NumberFormat(document.documentElement.lang || 'en', { style: 'currency', currency: form.dataset.currency, minimumFractionDigits: digits, maximumFractionDigits: digits })
    const list = names(form)
    const more = extras(list, Number(form.dataset.included || 1), price)
    const say = function (amount) { return format.format(amount / Math.pow(10, digits)) }
    show(form, '[data-price-count]', String(list.length))
    show(form, '[data-price-extra]', say(more))
    show(form, '[data-price-total]', say(price.base + more))
  }

  document.querySelectorAll('form[data-price]').forEach(function (form) {
    form.addEventListener('input', function () { update(form) })
    form.addEventListener('change', function () { update(form) })
    update(form)
  })
})()

/* The wizard's own comfort: "in 8 seconds" counts down while one waits. Nothing here is needed to get a certificate. */
(function () {
  'use strict'

  const units = [['day', 86400], ['hour', 3600], ['minute', 60], ['second', 1]]
  const words = new Intl.RelativeTimeFormat(document.documentElement.lang || 'en', { numeric: 'auto' })

  function spelled (seconds) {
    const unit = units.find(function (one) { return Math.abs(seconds) >= one[1] }) || units[3]
    return words.format(Math.trunc(seconds / unit[1]), unit[0])
  }

  function count () {
    document.querySelectorAll('[data-countdown] time').forEach(function (time) {
      // A look that is due happens within moments: "now" is truer than "3 seconds ago".
      const seconds = Math.max(0, Math.round((Date.parse(time.dateTime) - Date.now()) / 1000))
      const text = spelled(seconds)
      if (time.textContent !== text) time.textContent = text
    })
  }

  window.setInterval(count, 1000)
})()

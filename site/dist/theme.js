/* Runs before the first paint, so that a chosen theme does not flash: see src/theme.ts for the meaning of the keys. */
(function () {
  try {
    var root = document.documentElement;
    var theme = localStorage.getItem("qinglian.theme");
    var size = localStorage.getItem("qinglian.size");
    if (theme === "light" || theme === "dark") root.setAttribute("data-theme", theme);
    if (size === "l" || size === "xl") root.setAttribute("data-size", size);
  } catch (e) {
    /* storage switched off: the system's theme holds */
  }
})();

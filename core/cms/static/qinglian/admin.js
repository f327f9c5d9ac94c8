// Starts the admin's date fields and choosers from data attributes, so that no page needs a script inside its HTML
// (the site's content policy refuses those). The templates and the widget that write the attributes are in core/cms.
(function () {
  "use strict";
  var PICKERS = { date: "initDateChooser", time: "initTimeChooser", datetime: "initDateTimeChooser" };
  var CHOOSERS = ["PageChooser", "ImageChooser", "DocumentChooser", "TaskChooser", "Chooser"];

  function start(mark) {
    var id = mark.getAttribute("data-ql-for");
    if (!id || id.indexOf("__") !== -1 || !document.getElementById(id)) return; // a form's pattern row
    var options = JSON.parse(mark.getAttribute("data-ql-options") || "{}");
    var picker = PICKERS[mark.getAttribute("data-ql-picker")];
    var chooser = mark.getAttribute("data-ql-chooser");
    if (picker && typeof window[picker] === "function") {
      mark.remove();
      window[picker](id, options);
    } else if (CHOOSERS.indexOf(chooser) !== -1 && typeof window[chooser] === "function") {
      mark.remove();
      new window[chooser](id, options);
    }
  }

  function all(root) {
    if (root.matches && root.matches("template[data-ql-for]")) start(root);
    if (root.querySelectorAll) Array.prototype.forEach.call(root.querySelectorAll("template[data-ql-for]"), start);
  }

  document.addEventListener("DOMContentLoaded", function () {
    all(document);
    new MutationObserver(function (changes) {
      changes.forEach(function (change) {
        Array.prototype.forEach.call(change.addedNodes, all);
      });
    }).observe(document.body, { childList: true, subtree: true });
  });
})();

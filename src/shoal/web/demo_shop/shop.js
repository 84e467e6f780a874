// The demo shop: a few products, a cart in this browser, and what such a shop tells Shoal. The tracker does the rest.
(function () {
  "use strict";

  const CURRENCY = "USD";
  const PRODUCTS = [
    ["p1", "Ridge Backpack", "packs", 89, "backpack", "Thirty litres of waxed cotton that forgive a downpour."],
    ["p2", "Ember Lantern", "camp", 42, "lantern", "Warm light for eight nights on one charge."],
    ["p3", "Fjord Tent", "camp", 240, "tent", "Up in three minutes, calm in a gale."],
    ["p4", "Moss Blanket", "home", 65, "blanket", "Wool from sheep that somebody knows by name."],
    ["p5", "Tarn Mug", "home", 18, "mug", "Enamel. It will outlive the dishwasher."],
    ["p6", "Scree Boots", "packs", 135, "boots", "Resoled for life, broken in by lunch."],
  ].map(([product_id, name, category, price, art, text]) => ({ product_id, name, category, price, art, text }));
  const CART = "shop.cart";
  const CODE = "shop.code";
  const ANSWER = "shop.consent";
  const DISCOUNTS = { WARM10: 10 };

  const find = (selector) => document.querySelector(selector);
  const money = (amount) => amount.toLocaleString("en-US", { style: "currency", currency: CURRENCY });

  function made(tag, properties = {}, ...children) {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  }

  function picture(product) {
    const space = "http://www.w3.org/2000/svg";
    const svg = document.createElementNS(space, "svg");
    const use = document.createElementNS(space, "use");
    use.setAttribute("href", `/demo/art.svg#${product.art}`);
    svg.setAttribute("class", "picture");
    svg.setAttribute("aria-hidden", "true");
    svg.append(use);
    return svg;
  }

  // Consent: this shop remembers the answer, and says a refusal on every page

  const ALL = ["analytics", "personalisation", "email", "ads", "sharing"];
  const everything = (answer) => Object.fromEntries(ALL.map((purpose) => [purpose, answer]));
  const answer = localStorage.getItem(ANSWER);
  if (answer === "refused") shoal.consent(everything(false));

  function ask() {
    find("[data-banner]").hidden = false;
    find("[data-gpc]").hidden = !navigator.globalPrivacyControl;
    document.body.classList.add("has-banner");
  }

  function answered(word) {
    localStorage.setItem(ANSWER, word);
    find("[data-banner]").hidden = true;
    document.body.classList.remove("has-banner");
    shoal.consent(word === "refused" ? everything(false) : { ...everything(true), email: false });
    if (word === "refused") hint("You refused. Nothing is sent, nothing is kept, no offer comes.");
  }

  find("[data-allow]").addEventListener("click", () => answered("allowed"));
  find("[data-refuse]").addEventListener("click", () => answered("refused"));
  find("[data-consent-again]").addEventListener("click", ask);
  if (answer === null) ask();

  // The cart

  const cart = JSON.parse(localStorage.getItem(CART) || "[]");
  const described = ({ product_id, name, category, price }) => ({ product_id, name, category, price, quantity: 1 });
  const inCart = () => cart.map((id) => PRODUCTS.find((product) => product.product_id === id)).filter(Boolean);
  const discount = () => DISCOUNTS[localStorage.getItem(CODE)] || 0;
  const value = () => inCart().reduce((sum, product) => sum + product.price, 0);
  const toPay = () => Math.round(value() * (100 - discount())) / 100;

  function keepCart() {
    localStorage.setItem(CART, JSON.stringify(cart));
    const count = find("[data-cart-count]");
    count.textContent = cart.length;
    count.hidden = cart.length === 0;
  }

  function add(product) {
    cart.push(product.product_id);
    keepCart();
    shoal.track("Product Added", { ...described(product), currency: CURRENCY });
    hint("The cart is filled. Do nothing now, here or on another page of the shop.");
  }

  // The pages

  const views = {
    Home() {
      find("[data-products]").append(
        ...PRODUCTS.map((product) =>
          made("li", {}, made("a", { href: `/demo/product?id=${product.product_id}` },
            picture(product),
            made("h2", { textContent: product.name }),
            made("p", { className: "quiet", textContent: product.text }),
            made("span", { className: "price", textContent: money(product.price) }))),
        ),
      );
    },

    Product() {
      const id = new URLSearchParams(location.search).get("id");
      const product = PRODUCTS.find((each) => each.product_id === id) || PRODUCTS[0];
      document.title = `${product.name} · Tarn & Pine`;
      const button = made("button", { type: "button", className: "main", textContent: "Put it into the cart" });
      const said = made("span", { className: "added", role: "status" });
      button.addEventListener("click", () => {
        add(product);
        said.textContent = "It is in your cart.";
      });
      find("[data-product]").append(
        picture(product),
        made("div", {},
          made("h1", { textContent: product.name }),
          made("p", { textContent: product.text }),
          made("p", { className: "price", textContent: money(product.price) }),
          made("div", { className: "row" }, button, said)),
      );
      const { quantity, ...seen } = described(product);
      shoal.track("Product Viewed", { ...seen, currency: CURRENCY });
    },

    Cart() {
      showCart();
      if (cart.length) shoal.track("Cart Viewed", { value: value(), currency: CURRENCY, products: inCart().map(described) });
    },

    Checkout() {
      find("[data-total]").textContent = money(toPay());
      if (!cart.length) return;
      const order = { value: value(), currency: CURRENCY, products: inCart().map(described) };
      shoal.track("Checkout Started", order);
      find("[data-checkout]").addEventListener("submit", (event) => {
        event.preventDefault();
        pay();
      });
    },

    Pricing() {},
  };

  function showCart() {
    const place = find("[data-cart]");
    if (!cart.length) {
      place.replaceChildren(made("p", { textContent: "It is empty. " }, made("a", { href: "/demo/", textContent: "Look around" })));
      return;
    }
    const rows = inCart().map((product, index) => {
      const remove = made("button", { type: "button", className: "link", textContent: "Remove" });
      remove.setAttribute("aria-label", `Remove ${product.name}`);
      remove.addEventListener("click", () => {
        cart.splice(index, 1);
        keepCart();
        shoal.track("Product Removed", { ...described(product), currency: CURRENCY });
        showCart();
      });
      return made("tr", {}, made("td", {}, picture(product)), made("td", { textContent: product.name }), made("td", {}, remove),
        made("td", { textContent: money(product.price) }));
    });
    const foot = [["To pay", money(toPay())]];
    if (discount()) foot.unshift([`Code ${localStorage.getItem(CODE)}`, `−${discount()} %`]);
    const total = foot.map(([what, amount]) =>
      made("tr", {}, made("td", { colSpan: 3, textContent: what }), made("td", { textContent: amount })));
    place.replaceChildren(
      made("table", {}, made("tbody", {}, ...rows), made("tfoot", {}, ...total)),
      made("a", { className: "button main", href: "/demo/checkout", textContent: "To the checkout" }),
    );
  }

  function pay() {
    const order = {
      order_id: crypto.getRandomValues(new Uint32Array(1))[0].toString(36),
      subtotal: value(),
      revenue: toPay(),
      total: toPay(),
      currency: CURRENCY,
      products: inCart().map(described),
    };
    if (discount()) Object.assign(order, { coupon: localStorage.getItem(CODE), discount: value() - toPay() });
    shoal.track("Order Completed", order);
    cart.length = 0;
    localStorage.removeItem(CODE);
    keepCart();
    find("[data-checkout]").hidden = true;
    find("[data-thanks]").hidden = false;
  }

  // Offers: the tracker shows them; the shop takes the code, and opens the chat

  document.addEventListener("shoal:offer", ({ detail }) => hint(`An offer of the trigger ${detail.trigger} has come.`));

  document.addEventListener("shoal:offer-clicked", ({ detail }) => {
    if (detail.code) {
      localStorage.setItem(CODE, detail.code);
      shoal.track("Coupon Applied", { coupon_id: detail.code, discount: DISCOUNTS[detail.code] || 0 });
      if (document.body.dataset.view === "Cart") showCart();
    }
    if (detail.offer === "chat") openChat();
  });

  function openChat() {
    const chat = find("[data-chat]");
    chat.hidden = false;
    if (!find("[data-chat-lines]").children.length) say("Hello! What would you like to know?", "");
    find(".chat input").focus();
    shoal.track("Live Chat Conversation Started", {});
  }

  function say(text, whose) {
    find("[data-chat-lines]").append(made("li", { textContent: text, className: whose }));
  }

  find("[data-chat-close]").addEventListener("click", () => {
    find("[data-chat]").hidden = true;
    shoal.track("Live Chat Conversation Ended", {});
  });

  find(".chat form").addEventListener("submit", (event) => {
    event.preventDefault();
    const field = event.target.elements.message;
    say(field.value, "mine");
    field.value = "";
    shoal.track("Live Chat Message Sent", {});
    setTimeout(() => say("This is a demo: nobody is here. In your shop, this is your chat.", ""), 800);
  });

  // What Shoal hears

  function hint(text) {
    find("[data-hint]").textContent = text;
  }

  document.addEventListener("shoal:event", ({ detail }) => {
    const names = { page: "Page Viewed", identify: "Identify" };
    const at = new Date(detail.timestamp).toLocaleTimeString([], { hour12: false });
    const row = made("li", {}, made("time", { textContent: at }), made("span", { textContent: detail.event || names[detail.type] }));
    find("[data-events]").prepend(row);
  });

  keepCart();
  for (const link of document.querySelectorAll("nav a")) {
    if (new URL(link.href).pathname === location.pathname) link.setAttribute("aria-current", "page");
  }
  views[document.body.dataset.view]();
})();

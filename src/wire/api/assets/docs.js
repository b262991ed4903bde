// Starts Swagger UI. A file of its own, since the page's policy allows no script inside it.
const ui = SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  displayRequestDuration: true,
  showCommonExtensions: true,
  validatorUrl: null, // the badge asks a server elsewhere
  onComplete: () => {
    document.title = `${ui.specSelectors.info().get("title")} - Swagger UI`;
  },
});

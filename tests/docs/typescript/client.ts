// What a client developer writes against the types that openapi-typescript has made of /openapi.json as schema.d.ts.
// It prints what it was answered, as JSON; the test reads it. Lines under @ts-expect-error must not compile.

import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

declare const process: { argv: string[] };

const client = createClient<paths>({ baseUrl: process.argv[2] ?? "" });
const texts: components["schemas"]["Text"][] = [
  { text: "Transfer learning with transformers for text classification." },
  { text: 1.5 },
];

const predicted = await client.POST("/predict", { params: { query: { top_k: 2 } }, body: { texts } });
const tags: string[] = predicted.data?.data.predictions.map((prediction) => prediction.predicted_tag) ?? [];
const best: number | null | undefined = predicted.data?.data.predictions[0]?.probabilities?.[0]?.probability;

const refused = await client.POST("/predict", { body: { texts: [] } });
const detail = refused.error?.detail;
const problem: string | undefined = typeof detail === "string" ? detail : detail?.[0]?.type;

const args = await client.GET("/args/{arg}", { params: { path: { arg: "learning_rate" } } });
const rate: unknown = args.data?.data["learning_rate"];

const performance_ = await client.GET("/performance", { params: { query: { filter: "overall" } } });
const f1: unknown = performance_.data?.data.performance["f1"];

// @ts-expect-error: a text is no list
const _list: components["schemas"]["Text"] = { text: ["a"] };
// @ts-expect-error: the answer has no such member
const _other = predicted.data?.data.labels;

console.log(JSON.stringify({ tags, best, problem, rate, f1 }));

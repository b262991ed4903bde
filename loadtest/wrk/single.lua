-- The lesson's single-text request:
--     wrk -t1 -c32 -d10s --latency -s loadtest/wrk/single.lua http://127.0.0.1:8000/predict
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{"texts":[{"text":"Transfer learning with transformers for text classification."}]}'

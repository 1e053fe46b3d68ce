"""An upstream service, the bank. It runs in this process, behind an HTTP client."""

import httpx
from fastapi import FastAPI

import stock
from sidelight import watch

app = FastAPI(title="Bank", openapi_url=None)

_inner = httpx.ASGITransport(app)
client = watch(httpx.AsyncClient(transport=_inner, base_url="http://bank.internal"), name="bank")


@app.post("/charges", status_code=201)
async def charge() -> dict[str, str]:
    await stock.query_database(450 if stock.chance(0.05) else 70)
    return {"status": "charged"}

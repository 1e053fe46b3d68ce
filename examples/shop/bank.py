"""The bank, another service: here it runs in the same process, and is asked as if it didn't."""

import httpx
from fastapi import FastAPI

import stock
from sidelight import watch

app = FastAPI(title="Bank", openapi_url=None)

_within = httpx.ASGITransport(app)
client = watch(httpx.AsyncClient(transport=_within, base_url="http://bank.internal"), name="bank")


@app.post("/charges", status_code=201)
async def charge() -> dict[str, str]:
    await stock.database(450 if stock.chance(0.05) else 70)
    return {"status": "charged"}

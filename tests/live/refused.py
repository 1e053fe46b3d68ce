"""A service whose options are wrong."""

from fastapi import FastAPI

from sidelight import SidelightMiddleware

app = FastAPI()
app.add_middleware(SidelightMiddleware, slow_request_threshold=0)


@app.get("/pid")
async def pid() -> int:
    return 0

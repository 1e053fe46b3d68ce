"""A mounted application for partners, under a path with a parameter."""

from fastapi import FastAPI, HTTPException, Request

import stock

app = FastAPI(title="Shop for partners", openapi_url=None)


@app.get("/stock/{product_id}")
async def in_stock(request: Request, product_id: int) -> dict[str, str | int]:
    if product_id not in stock.products:
        raise HTTPException(404, "no such product")
    await stock.query_database(9)
    # The parameter of the mount is not in the signature of the route.
    partner = request.path_params["partner"]
    return {"partner": partner, "in_stock": stock.products[product_id].in_stock}

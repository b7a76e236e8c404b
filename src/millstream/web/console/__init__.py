"""The operations console: what the people who run the hub look at, under `/console`.

It is a client of the operator API. A page asks and acts through `visit.api`, in this process and with the session of
whoever looks, so that rights, masking, validation and the audit trail exist once. Nothing here knows the store.

A page is a function in `pages/`, found by itself when the console is installed:

    @page("/orders", title="Orders")
    async def orders(visit: Visit) -> None:
        live(visit, lambda: visit.api.get("/api/orders", q=visit.query("q")), show)

`page` has checked who looks and their right, and drawn the frame around it; the function draws what belongs inside
`<main>`. `live` asks again every few seconds and draws anew only what changed. `parts` has what pages share: chips,
money, times, tables, reasons to give, commands to copy. Text reaches the screen as text, never as HTML.
"""

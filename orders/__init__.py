"""The shop: products, prices, orders, payments, plans."""

"""What is for sale: categories, products, variants, releases, stock."""

"""One module for each page, or a family of pages. All of them are found by the installer."""
